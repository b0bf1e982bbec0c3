//! A build through `Control.Solve`, for options that `/build` does not have.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::RecvError;
use tokio::task::JoinSet;

use super::super::BuildImage;
use super::super::protobuf::{Fields, Message, Value};
use super::control::Control;
use super::grpc::{answer, text};
use crate::error::{Error, Result};
use crate::images::ImageReference;

/// The bytes of progress that wait to be read.
const BUFFER: usize = 64 << 10;

/// How long the end of the progress is awaited after the result, as by BuildKit's own client.
const LAST_PROGRESS: Duration = Duration::from_secs(3);

/// A build to run: the message of `Solve`.
pub(super) struct Solve {
    reference: String,
    message: Vec<u8>,
}

impl Solve {
    /// A build in the session `id`. `more` contains attributes in addition to those of the options.
    ///
    /// # Errors
    ///
    /// When an option has no equivalent in `Solve`.
    pub(super) fn new(
        options: &BuildImage,
        session: &str,
        remote: Option<&str>,
        more: BTreeMap<String, String>,
    ) -> Result<Self> {
        let mut attributes = attributes(options)?;
        attributes.extend(more);
        if let Some(url) = remote {
            attributes.insert("context".into(), url.into());
        }
        let (exporter, settings) = exporter(options)?;
        let reference = format!("ref{session}");
        let mut message = Message::default()
            .bytes(1, reference.as_bytes())
            .bytes(3, exporter.as_bytes());
        message = map(message, 4, &settings)
            .bytes(5, session.as_bytes())
            .bytes(6, b"dockerfile.v0");
        message = map(message, 7, &attributes);
        if options.network_mode == "host" {
            message = message.bytes(9, b"network.host");
        }
        Ok(Self {
            reference,
            message: message.into_bytes(),
        })
    }

    /// Runs the build in `tasks`. Returns its progress in the format of `/build`.
    pub(super) fn start(self, control: Control, tasks: &mut JoinSet<()>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        tasks.spawn(self.run(control, theirs));
        ours
    }

    async fn run(self, mut control: Control, mut lines: DuplexStream) {
        let mut status = control.again();
        let (send, mut updates) = mpsc::channel(1);
        let reference = self.reference;
        let mut watching = JoinSet::new();
        watching.spawn(async move {
            let request = Message::default().bytes(1, reference.as_bytes()).into_bytes();
            // If the progress fails, the build still has its result.
            if let Ok(mut incoming) = status.call("Status", &request).await {
                while let Ok(Some(update)) = incoming.message().await {
                    if send.send(update).await.is_err() {
                        return;
                    }
                }
            }
        });
        let (done, result) = tokio::sync::oneshot::channel();
        watching.spawn(async move {
            let solved = match control.call("Solve", &self.message).await {
                Ok(incoming) => answer(incoming).await,
                Err(error) => Err(error),
            };
            // The send fails if the build was dropped.
            drop(done.send((solved, control)));
        });
        let mut result = pin!(result);
        let mut solved = None;
        loop {
            let update = match solved {
                // The progress ends with the build.
                Some(_) => {
                    let last = tokio::time::timeout(LAST_PROGRESS, updates.recv());
                    last.await.ok().flatten()
                }
                None => match first(result.as_mut(), &mut updates).await {
                    First::Result(Ok(ended)) => {
                        solved = Some(ended);
                        continue;
                    }
                    First::Result(Err(_)) => return,
                    First::Update(update) => update,
                },
            };
            let Some(update) = update else { break };
            let line = serde_json::json!({"id": "moby.buildkit.trace", "aux": STANDARD.encode(&update)});
            if write_line(&mut lines, &line).await.is_err() {
                return;
            }
        }
        // If only `Status` fails, the build continues.
        let (solved, _control) = match solved {
            Some(ended) => ended,
            None => match result.await {
                Ok(ended) => ended,
                Err(_) => return,
            },
        };
        let line = match solved.and_then(|answer| image_id(&answer)) {
            Ok(Some(id)) => serde_json::json!({"id": "moby.image.id", "aux": {"ID": id}}),
            Ok(None) => return,
            Err(message) => serde_json::json!({"errorDetail": {"message": message}, "error": message}),
        };
        // The reader may have been dropped.
        drop(write_line(&mut lines, &line).await);
    }
}

/// The first event of a build: its result, or an update of its progress.
enum First {
    Result(std::result::Result<Ended, RecvError>),
    Update(Option<Bytes>),
}

/// The result of a build, and its connection.
type Ended = (std::result::Result<Bytes, String>, Control);

async fn first(mut result: Pin<&mut Receiver<Ended>>, updates: &mut mpsc::Receiver<Bytes>) -> First {
    poll_fn(|cx| {
        // Progress first: it precedes the result.
        if let Poll::Ready(update) = updates.poll_recv(cx) {
            return Poll::Ready(First::Update(update));
        }
        result.as_mut().poll(cx).map(First::Result)
    })
    .await
}

async fn write_line(lines: &mut DuplexStream, line: &serde_json::Value) -> std::io::Result<()> {
    lines.write_all(format!("{line}\r\n").as_bytes()).await
}

/// The ID of the image, if the exporter has created one in the engine.
fn image_id(answer: &[u8]) -> std::result::Result<Option<String>, String> {
    for field in Fields::of(answer) {
        if let (1, Value::Bytes(entry)) = field.map_err(|_| "the answer is malformed".to_owned())? {
            let read = |number| text(entry, number).map_err(|status| status.message);
            if read(1)? == "containerimage.digest" {
                return read(2).map(Some);
            }
        }
    }
    Ok(None)
}

/// Adds a map: a message for each entry.
fn map(message: Message, field: u64, entries: &BTreeMap<String, String>) -> Message {
    entries.iter().fold(message, |message, (key, value)| {
        let entry = Message::default()
            .bytes(1, key.as_bytes())
            .bytes(2, value.as_bytes());
        message.present(field, &entry.into_bytes())
    })
}

/// The exporter with its settings: that of the options, otherwise an image with its names.
fn exporter(options: &BuildImage) -> Result<(String, BTreeMap<String, String>)> {
    if let Some(output) = options.outputs.first() {
        return Ok((output.kind.clone(), output.attrs.clone()));
    }
    let names = options.tags.iter().map(|tag| {
        let name: ImageReference = tag.parse()?;
        Ok(name.to_string())
    });
    let names = names.collect::<Result<Vec<_>>>()?.join(",");
    let settings = match names.is_empty() {
        true => BTreeMap::new(),
        false => BTreeMap::from([("name".to_owned(), names)]),
    };
    Ok(("moby".to_owned(), settings))
}

/// The attributes of the frontend, the same as the engine derives from the parameters of `/build`.
fn attributes(options: &BuildImage) -> Result<BTreeMap<String, String>> {
    let unsupported = |what: &str| {
        let text = format!("{what} cannot be used together with named contexts; leave one of them out");
        Error::invalid(text)
    };
    if !options.build_id.is_empty() {
        return Err(unsupported("`build_id`"));
    }
    if options.quiet {
        return Err(unsupported("`quiet`"));
    }
    let mut all = BTreeMap::new();
    let mut add = |key: String, value: String| {
        all.insert(key, value);
    };
    let texts = [("target", &options.target), ("filename", &options.dockerfile)];
    for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        add(key.into(), value.clone());
    }
    for (name, value) in options.build_args.iter() {
        if let Some(value) = value {
            add(format!("build-arg:{name}"), value.clone());
        }
    }
    for (name, value) in &options.labels {
        add(format!("label:{name}"), value.clone());
    }
    if let Some(platform) = &options.platform {
        add("platform".into(), platform.clone());
    }
    if options.no_cache {
        add("no-cache".into(), String::new());
    }
    if !options.cache_from.is_empty() {
        add("cache-from".into(), options.cache_from.join(","));
    }
    let resolve = if options.pull { "pull" } else { "default" };
    add("image-resolve-mode".into(), resolve.into());
    match options.network_mode.as_str() {
        "" | "default" => {}
        mode @ ("host" | "none") => add("force-network-mode".into(), mode.into()),
        other => {
            return Err(Error::invalid(format!(
                "BuildKit does not know the network mode {other:?}"
            )));
        }
    }
    if !options.extra_hosts.is_empty() {
        let hosts = options
            .extra_hosts
            .iter()
            .map(|host| match host.split_once([':', '=']) {
                Some((_, "host-gateway")) => Err(unsupported("`host-gateway`")),
                Some((name, address)) => Ok(format!("{name}={}", address.trim_matches(['[', ']']))),
                None => Err(Error::invalid(format!("{host:?} is not `host:address`"))),
            });
        add("add-hosts".into(), hosts.collect::<Result<Vec<_>>>()?.join(","));
    }
    if options.shm_size > 0 {
        add("shm-size".into(), options.shm_size.to_string());
    }
    if !options.ulimits.is_empty() {
        let limits = options.ulimits.iter();
        let limits = limits.map(|limit| format!("{}={}:{}", limit.name, limit.soft, limit.hard));
        add("ulimit".into(), limits.collect::<Vec<_>>().join(","));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::Ulimit;

    #[test]
    fn options_become_attributes_of_the_frontend() {
        let options = BuildImage {
            target: "final".into(),
            dockerfile: "docker/x".into(),
            build_args: [("A", "1")].into(),
            labels: [("l".to_owned(), String::new())].into(),
            platform: Some("linux/amd64".into()),
            no_cache: true,
            pull: true,
            cache_from: vec!["a".into(), "b".into()],
            network_mode: "host".into(),
            extra_hosts: vec!["x:1.2.3.4".into(), "y:[::1]".into()],
            shm_size: 64,
            ulimits: vec![Ulimit {
                name: "nofile".into(),
                soft: 1,
                hard: 2,
            }],
            ..Default::default()
        };
        let attributes = attributes(&options).unwrap();
        let shown: Vec<_> = attributes
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            shown,
            [
                "add-hosts=x=1.2.3.4,y=::1",
                "build-arg:A=1",
                "cache-from=a,b",
                "filename=docker/x",
                "force-network-mode=host",
                "image-resolve-mode=pull",
                "label:l=",
                "no-cache=",
                "platform=linux/amd64",
                "shm-size=64",
                "target=final",
                "ulimit=nofile=1:2",
            ]
        );
    }

    #[test]
    fn options_without_an_equivalent_are_rejected() {
        let with = |change: fn(&mut BuildImage)| {
            let mut options = BuildImage::default();
            change(&mut options);
            attributes(&options).is_err()
        };
        assert!(with(|options| options.build_id = "x".into()));
        assert!(with(|options| options.quiet = true));
        assert!(with(|options| options.network_mode = "bridge".into()));
        assert!(with(|options| options.extra_hosts = vec!["x:host-gateway".into()]));
        assert!(with(|options| options.extra_hosts = vec!["x".into()]));
        assert!(!with(|options| options.network_mode = "none".into()));
    }

    #[test]
    fn image_has_all_its_names_and_the_id_is_read() {
        let options = BuildImage {
            tags: vec!["a".into(), "r:5000/b:1".into()],
            ..Default::default()
        };
        let (kind, settings) = exporter(&options).unwrap();
        assert_eq!(kind, "moby");
        assert_eq!(settings["name"], "docker.io/library/a:latest,r:5000/b:1");
        let answer = BTreeMap::from([
            ("containerimage.config.digest".to_owned(), "sha256:1".to_owned()),
            ("containerimage.digest".to_owned(), "sha256:2".to_owned()),
        ]);
        let answer = map(Message::default().number(2, 7), 1, &answer).into_bytes();
        assert_eq!(image_id(&answer), Ok(Some("sha256:2".to_owned())));
        assert_eq!(image_id(b""), Ok(None));
        assert!(image_id(b"\x0a\xff").is_err());
    }

    #[test]
    fn host_network_and_the_context_are_asked_for() {
        let has = |options: &BuildImage, remote, words: &[u8]| {
            let solve = Solve::new(options, "1", remote, BTreeMap::new()).unwrap();
            solve.message.windows(words.len()).any(|part| part == words)
        };
        let host = BuildImage {
            network_mode: "host".into(),
            ..Default::default()
        };
        let url = "https://example.org/x.git";
        assert!(has(&host, Some(url), b"network.host") && has(&host, Some(url), url.as_bytes()));
        let default = BuildImage::default();
        assert!(!has(&default, None, b"network.host") && !has(&default, None, b"context"));
    }
}
