//! Tests of the session without an engine. The tests send the calls of an engine.

mod control;
mod files;
mod hostile;

use std::collections::BTreeMap;
use std::fs;

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, StatusCode};

use super::super::BuildImage;
use super::super::protobuf::Message;
use super::auth::Auth;
use super::export::{Export, LocalOutput};
use super::file_sync::FileSync;
use super::grpc::{Incoming, LONGEST_ANSWER, put, status_of};
use super::secret::{BuildSecret, Secrets};
use super::server::{Services, Serving};
use super::ssh::{Ssh, SshAgent};
use super::{BuildSession, session_id, shared_key};
use crate::auth::RegistryAuth;
use crate::connect::BoxStream;

/// The input that a test offers to the engine.
#[derive(Default)]
struct Offer {
    registries: BTreeMap<String, RegistryAuth>,
    secrets: BTreeMap<String, BuildSecret>,
    ssh: BTreeMap<String, SshAgent>,
    directories: BTreeMap<String, std::path::PathBuf>,
    output: Option<LocalOutput>,
}

impl Offer {
    async fn services(self) -> Services {
        Services {
            auth: Auth::new(self.registries),
            secrets: Secrets::read(self.secrets).unwrap(),
            ssh: Ssh::connect(self.ssh).await.unwrap(),
            files: FileSync::new(self.directories, None),
            export: self.output.map(|output| Export::new(output, "1".into())),
        }
    }

    /// Serves the input, and sends the calls of an engine.
    async fn called(self) -> Engine {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        let serving = Serving::start(Box::new(ours), self.services().await);
        Engine::over(Box::new(theirs), Some(serving)).await
    }
}

/// The engine's side of a session.
struct Engine {
    client: SendRequest<Bytes>,
    _serving: Option<Serving>,
}

impl Engine {
    async fn over(stream: BoxStream, serving: Option<Serving>) -> Self {
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self {
            client,
            _serving: serving,
        }
    }

    /// Begins a call.
    async fn begin(&mut self, method: &str, headers: &[(&str, &str)]) -> Call {
        let mut request = Request::post(format!("http://localhost{method}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (response, outgoing) = self
            .client
            .send_request(request.body(()).unwrap(), false)
            .unwrap();
        Call { response, outgoing }
    }

    /// Makes a call with one message. Returns the only reply, or the status as an error.
    async fn call(&mut self, method: &str, message: &[u8]) -> Result<Bytes, String> {
        let mut call = self.begin(method, &[]).await;
        call.send(message);
        call.end();
        let (headers, body) = call.answer().await;
        if let Some(status) = headers.get("grpc-status") {
            return Err(status.to_str().unwrap().to_owned());
        }
        let mut incoming = Incoming::new(body, LONGEST_ANSWER);
        let answer = incoming.message().await.unwrap();
        answer.ok_or_else(|| "no message".to_owned())
    }
}

struct Call {
    response: h2::client::ResponseFuture,
    outgoing: SendStream<Bytes>,
}

impl Call {
    fn send(&mut self, message: &[u8]) {
        let mut frame = BytesMut::new();
        put(&mut frame, message);
        self.outgoing.send_data(frame.freeze(), false).unwrap();
    }

    fn end(&mut self) {
        self.outgoing.send_data(Bytes::new(), true).unwrap();
    }

    async fn answer(&mut self) -> (HeaderMap, RecvStream) {
        let response = (&mut self.response).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let (head, body) = response.into_parts();
        (head.headers, body)
    }
}

#[tokio::test]
async fn calls_are_answered_and_unknown_ones_are_refused() {
    let mut engine = Offer {
        registries: [("r:5000".to_owned(), RegistryAuth::user("u", "p"))].into(),
        secrets: [("id".to_owned(), BuildSecret::Bytes(b"s".to_vec()))].into(),
        ..Offer::default()
    }
    .called()
    .await;
    let health = engine.call("/grpc.health.v1.Health/Check", b"").await;
    assert_eq!(health.unwrap(), &b"\x08\x01"[..]);
    let credentials = engine
        .call("/moby.filesync.v1.Auth/Credentials", b"\x0a\x06r:5000")
        .await;
    assert_eq!(credentials.unwrap(), &b"\x0a\x01u\x12\x01p"[..]);
    let secret = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
    assert_eq!(
        engine.call(secret, b"\x0a\x02id").await.unwrap(),
        &b"\x0a\x01s"[..]
    );
    for (method, message, status) in [
        (secret, &b"\x0a\x01x"[..], "5"),
        (secret, b"\x0a\xff", "13"),
        // The engine then fetches tokens itself.
        ("/moby.filesync.v1.Auth/GetTokenAuthority", b"", "12"),
        ("/moby.filesync.v1.FileSend/DiffCopy", b"", "12"),
        ("/moby.sshforward.v1.SSH/CheckAgent", b"", "5"),
        ("/x", b"", "12"),
    ] {
        let error = engine.call(method, message).await.unwrap_err();
        assert_eq!(error, status, "{method}");
    }
}

#[tokio::test]
async fn only_what_is_offered_is_announced() {
    let nothing = Offer::default().services().await.methods();
    assert!(
        nothing.iter().all(|method| !method.contains("DiffCopy")),
        "{nothing:?}"
    );
    let all = Offer {
        directories: [("context".to_owned(), ".".into())].into(),
        output: Some(LocalOutput::Tar("x".into())),
        ..Offer::default()
    };
    let all = all.services().await.methods();
    assert_eq!(all.len(), nothing.len() + 2, "{all:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn agent_that_has_stopped_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let offer = Offer {
        ssh: [("default".to_owned(), SshAgent::Socket(path))].into(),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    let check = "/moby.sshforward.v1.SSH/CheckAgent";
    // The reply has no fields, so there is a message.
    assert_eq!(engine.call(check, b"").await.unwrap(), &b""[..]);
    drop(listener);
    assert_eq!(engine.call(check, b"").await.unwrap_err(), "14");
}

#[tokio::test]
async fn dropped_session_closes_its_connection() {
    let mut engine = Offer::default().called().await;
    engine.call("/grpc.health.v1.Health/Check", b"").await.unwrap();
    engine._serving = None;
    let gone = std::future::poll_fn(|cx| engine.client.poll_ready(cx)).await;
    let ended = match gone {
        Err(_) => true,
        Ok(()) => {
            let mut call = engine.begin("/grpc.health.v1.Health/Check", &[]).await;
            call.end();
            call.response.await.is_err()
        }
    };
    assert!(ended);
}

#[tokio::test]
async fn output_is_complete_before_the_reply_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.tar");
    let mut engine = Offer {
        output: Some(LocalOutput::Tar(path.clone())),
        ..Offer::default()
    }
    .called()
    .await;
    let mut call = engine.begin("/moby.filesync.v1.FileSend/DiffCopy", &[]).await;
    for piece in [&b"one"[..], b"", b"two"] {
        call.send(&Message::default().bytes(1, piece).into_bytes());
    }
    call.end();
    let (_, mut body) = call.answer().await;
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(status_of(&trailers), Ok(()));
    assert_eq!(fs::read(path).unwrap(), b"onetwo");
}

#[test]
fn ids_of_sessions_differ() {
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| session_id()).collect();
    assert_eq!(ids.len(), 1000);
    assert!(
        ids.iter()
            .all(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
}

#[test]
fn shared_key_is_that_of_the_directory() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = |directory: &tempfile::TempDir| shared_key(directory.path()).unwrap();
    let before = key(&one);
    fs::write(one.path().join("file"), "").unwrap();
    assert_eq!(key(&one), before);
    assert_ne!(key(&other), before);
    assert!(shared_key(&one.path().join("missing")).is_err());
}

#[test]
fn contradictory_sessions_are_rejected() {
    let output = BuildSession {
        output: Some(LocalOutput::Tar("x".into())),
        ..Default::default()
    };
    let tagged = BuildImage {
        tags: vec!["x".into()],
        ..Default::default()
    };
    assert!(output.wrong(&tagged).is_some());
    let exported = BuildImage {
        outputs: vec![Default::default(), Default::default()],
        ..Default::default()
    };
    let both = output.wrong(&exported).unwrap();
    assert!(both.contains("both the session and the options"), "{both}");
    let context = super::NamedContext::Image("busybox".into());
    let named = BuildSession {
        contexts: [("base".to_owned(), context)].into(),
        ..Default::default()
    };
    let several = named.wrong(&exported).unwrap();
    assert!(several.contains("has one output"), "{several}");
    assert_eq!(output.wrong(&BuildImage::default()), None);
    let unnamed = BuildSession {
        ssh: [(String::new(), SshAgent::default())].into(),
        ..Default::default()
    };
    assert!(unnamed.wrong(&tagged).is_some());
    assert_eq!(BuildSession::default().wrong(&tagged), None);
}

#[test]
fn debug_shows_no_secret() {
    let session = BuildSession {
        registries: [("r".to_owned(), RegistryAuth::user("u", "hunter2"))].into(),
        secrets: [("id".to_owned(), BuildSecret::Bytes(b"hunter2".to_vec()))].into(),
        ..Default::default()
    };
    let shown = format!("{session:?}");
    assert!(shown.contains("\"id\"") && !shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("104"), "{shown}");
}
