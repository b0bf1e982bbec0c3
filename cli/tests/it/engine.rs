//! Engines on a Unix socket, which serve in a thread of their own: a scripted one, and one in
//! memory.

use std::path::PathBuf;

use fake_engine::scripted::{JSON, ScriptedEngine, reply};
use fake_engine::{FakeEngine, Socket};

/// The scripted engine, with the directory of its socket.
pub(crate) struct Engine {
    // Stops before the directory is removed.
    _socket: Socket,
    directory: tempfile::TempDir,
}

impl Engine {
    /// Replies to each request with the status and the body that `answer` returns for its method
    /// and path.
    pub(crate) fn start(answer: fn(&str) -> (u16, &'static str)) -> Self {
        Self::guarded(None, answer)
    }

    /// As [`Engine::start`], behind a proxy that refuses requests without a header.
    pub(crate) fn guarded(
        required: Option<(&'static str, &'static str)>,
        answer: fn(&str) -> (u16, &'static str),
    ) -> Self {
        let engine = ScriptedEngine::new(move |mut peer| async move {
            while let Some(request) = peer.request().await? {
                let title = format!("{} {}", request.method, request.target);
                // A reply may take time; other connections are served meanwhile.
                let passes = required.is_none_or(|(name, value)| request.header(name) == Some(value));
                let (status, body) = match passes {
                    true => tokio::task::spawn_blocking(move || answer(&title)).await?,
                    false => (401, r#"{"message":"no token"}"#),
                };
                let mut bytes = reply(status, &[JSON, "Api-Version: 1.51"], body);
                if request.method == "HEAD" {
                    bytes.truncate(bytes.len() - body.len());
                }
                peer.write(bytes).await?;
                let connection = request.header("connection").unwrap_or_default();
                if connection.eq_ignore_ascii_case("close") {
                    break;
                }
            }
            Ok(())
        });
        let directory = tempfile::tempdir().unwrap();
        let socket = Socket::unix(&engine, &directory.path().join("engine.sock")).unwrap();
        Self {
            _socket: socket,
            directory,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path().display())
    }
}

/// An engine in memory that has the image `busybox`.
pub(crate) struct Memory {
    pub(crate) engine: FakeEngine,
    socket: Socket,
}

impl Memory {
    pub(crate) fn start() -> Self {
        let engine = FakeEngine::new().with_image("busybox:latest");
        let socket = engine.on_unix().unwrap();
        Self { engine, socket }
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        self.socket.address()
    }
}

/// An engine with one container, `web`.
pub(crate) fn plain(title: &str) -> (u16, &'static str) {
    match title {
        "HEAD /_ping" | "GET /_ping" => (200, "OK"),
        "GET /version" => (
            200,
            r#"{"Version":"9.9","ApiVersion":"1.51","Os":"linux","Arch":"amd64"}"#,
        ),
        "GET /v1.51/containers/web/json" => (
            200,
            r#"{"Name":"/web","State":{"Running":true,"Pid":7},"Mounts":[]}"#,
        ),
        _ => (404, r#"{"message":"no such thing"}"#),
    }
}

/// The same engine, which looks at its container for a while.
pub(crate) fn slow(title: &str) -> (u16, &'static str) {
    if title.ends_with("/web/json") {
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    plain(title)
}

/// The same engine, some releases later.
pub(crate) fn newer(title: &str) -> (u16, &'static str) {
    match title {
        "GET /v1.51/containers/web/json" => (
            200,
            r#"{"Name":"/web","State":{"Running":"yes","Health":{}},"Mounts":[]}"#,
        ),
        title => plain(title),
    }
}
