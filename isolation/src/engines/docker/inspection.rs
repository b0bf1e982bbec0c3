//! The facts about an environment that the daemon knows, for a report of a failure.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::BytesMut;
use engine_api::containers::{Container, PathStat};
use engine_api::images::InspectImage;
use engine_api::networks::InspectNetwork;
use serde_json::{Value, json};

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::{labels, paths};
use crate::BoxFuture;
use crate::diagnose::{Platforms, ProgramFile};
use crate::engine::instance::{Findings, Inspection};
use crate::error::{Error, Result};

/// How many changed files are listed.
const CHANGES: usize = 1000;

/// How much of a program's file is read.
const HEAD: usize = 128;

/// The header of a file in an archive.
const TAR_HEADER: usize = 512;

/// How many links are followed to a program.
const LINKS: usize = 8;

/// The directories that are searched if there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Inspection for DockerInstance {
    fn findings<'a>(&'a self, program: Option<&'a str>) -> BoxFuture<'a, Result<Findings>> {
        Box::pin(async move {
            let container = self.inspected().await?;
            let (platforms, program) = tokio::join!(self.platforms(&container), async {
                match program {
                    Some(program) => self.program_file(&container, program).await,
                    None => None,
                }
            });
            // The flag of most daemons is that of the first process only.
            let out_of_memory = container.state.oom_killed
                || (container.state.running
                    && self.container.oom_count().await.is_some_and(|count| count > 0));
            let error = Some(container.state.error).filter(|error| !error.is_empty());
            Ok(Findings {
                platforms,
                program,
                error,
                out_of_memory,
            })
        })
    }

    fn documents(&self) -> BoxFuture<'_, Result<BTreeMap<String, Value>>> {
        Box::pin(async move {
            let docker = &self.container.docker;
            let (containers, images, system) = (docker.containers(), docker.images(), docker.system());
            let container = self.inspected().await?;
            let (changes, version, info, networks, image) = tokio::join!(
                containers.changes(self.container.id()),
                system.version(),
                system.info(),
                self.networks(&container),
                images.inspect(&container.image, InspectImage::default()),
            );
            let mut documents = BTreeMap::new();
            documents.insert("inspect".to_owned(), without_values(json!(container)));
            if let Ok(image) = image {
                documents.insert("image".to_owned(), without_values(json!(image)));
            }
            if let Ok(mut changes) = changes {
                let more = changes.len().saturating_sub(CHANGES);
                changes.truncate(CHANGES);
                documents.insert("changes".to_owned(), json!({ "changes": changes, "more": more }));
            }
            let engine = json!({ "version": version.ok(), "info": info.ok() });
            documents.insert("engine".to_owned(), engine);
            documents.insert("networks".to_owned(), json!(networks));
            Ok(documents)
        })
    }
}

impl DockerInstance {
    async fn inspected(&self) -> Result<Container> {
        self.container.inspect().await.map_err(to_error)
    }

    /// The platforms of the image and of the machine.
    async fn platforms(&self, container: &Container) -> Option<Platforms> {
        let docker = &self.container.docker;
        let system = docker.system();
        let images = docker.images();
        let (image, info) = tokio::join!(
            images.inspect(&container.image, InspectImage::default()),
            system.info()
        );
        let (image, info) = (image.ok()?, info.ok()?);
        let platform = |os: &str, architecture: &str| format!("{os}/{}", normal(architecture));
        Some(Platforms {
            image: platform(&image.os, &image.architecture),
            machine: platform(&info.os_type, &info.architecture),
        })
    }

    /// The networks of the container, and who else is on them.
    async fn networks(&self, container: &Container) -> Vec<Value> {
        let docker = &self.container.docker;
        let mut found = Vec::new();
        for name in container.network_settings.networks.keys() {
            match docker.networks().inspect(name, InspectNetwork::default()).await {
                Ok(network) => found.push(without_values(json!(network))),
                Err(error) => found.push(json!({ "Name": name, "error": error.to_string() })),
            }
        }
        found
    }

    /// The file of a program, if it exists.
    async fn program_file(&self, container: &Container, program: &str) -> Option<ProgramFile> {
        let candidates = match program.contains('/') {
            true => vec![paths::join(&self.working_dir, program).ok()?],
            false => {
                let path = container
                    .config
                    .env
                    .iter()
                    .find_map(|entry| entry.strip_prefix("PATH="));
                let directories = path.unwrap_or(DEFAULT_PATH).split(':');
                directories
                    .map(|directory| format!("{directory}/{program}"))
                    .collect()
            }
        };
        for candidate in candidates {
            if let Some((path, stat)) = self.follow(candidate).await {
                let head = self.head(&path).await.unwrap_or_default();
                return Some(ProgramFile {
                    mode: stat.permissions(),
                    head: String::from_utf8_lossy(&head).into_owned(),
                    path,
                });
            }
        }
        None
    }

    /// The regular file to which a path leads.
    async fn follow(&self, mut path: String) -> Option<(String, PathStat)> {
        for _ in 0..LINKS {
            let containers = self.container.docker.containers();
            let stat = containers.stat(self.container.id(), &path).await.ok()?;
            if stat.is_file() {
                return Some((path, stat));
            }
            if !stat.is_symlink() || stat.link_target == path {
                return None;
            }
            path = stat.link_target;
        }
        None
    }

    /// The first bytes of a file. The rest of the archive is not read.
    async fn head(&self, path: &str) -> Result<Vec<u8>> {
        let containers = self.container.docker.containers();
        let mut archive = containers
            .download(self.container.id(), path)
            .await
            .map_err(to_error)?;
        let mut bytes = BytesMut::new();
        while bytes.len() < TAR_HEADER + HEAD {
            match archive.next().await {
                Some(piece) => bytes.extend_from_slice(&piece.map_err(to_error)?),
                None => break,
            }
        }
        let mut entries = tar::Archive::new(bytes.as_ref());
        let unreadable = |error| Error::engine(super::NAME, error);
        let mut head = Vec::new();
        for entry in entries.entries().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.header().entry_type().is_file() {
                // The archive is cut after the head, so that its end is an error.
                let _ = entry.take(HEAD as u64).read_to_end(&mut head);
                break;
            }
        }
        Ok(head)
    }
}

/// The name of an architecture as images have it: a daemon may report that of the kernel.
fn normal(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" => "386",
        other => other,
    }
}

/// The document without the values of environment variables and labels.
fn without_values(mut document: Value) -> Value {
    hide(&mut document);
    document
}

fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("Env", Value::Array(variables)) => variables.iter_mut().for_each(hide_variable),
                    ("Labels" | "Annotations", Value::Object(labels)) => hide_labels(labels),
                    (_, value) => hide(value),
                }
            }
        }
        _ => {}
    }
}

fn hide_variable(variable: &mut Value) {
    if let Some((name, _)) = variable.as_str().and_then(|text| text.split_once('=')) {
        *variable = format!("{name}=***").into();
    }
}

fn hide_labels(labels: &mut serde_json::Map<String, Value>) {
    for (key, value) in labels {
        if !labels::is_harmless(key) {
            *value = "***".into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_and_labels_are_hidden() {
        let document = json!({
            "Config": {
                "Env": ["TOKEN=hunter2", "EMPTY="],
                "Labels": { "secret": "hunter2", (labels::ENVIRONMENT): "0123456789abcdef" },
            },
            "Networks": [{ "Labels": { "a": "hunter2" }, "Name": "net" }],
        });
        let hidden = without_values(document);
        assert!(!hidden.to_string().contains("hunter2"), "{hidden}");
        assert_eq!(hidden["Config"]["Env"], json!(["TOKEN=***", "EMPTY=***"]));
        assert_eq!(
            hidden["Config"]["Labels"][labels::ENVIRONMENT],
            "0123456789abcdef"
        );
        assert_eq!(hidden["Networks"][0]["Name"], "net");
    }
}
