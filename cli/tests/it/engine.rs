//! An engine of a few lines on a Unix socket, in a thread.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// The engine; its socket goes with the folder.
pub(crate) struct Engine {
    folder: tempfile::TempDir,
}

impl Engine {
    /// Answers each request with what `answer` makes of its method and path; the status comes first.
    pub(crate) fn start(answer: fn(&str) -> (u16, &'static str)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that goes away ends its connection.
                std::thread::spawn(move || drop(serve(stream, answer)));
            }
        });
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path().display())
    }
}

/// Requests without a body, one after the other.
fn serve(mut stream: UnixStream, answer: fn(&str) -> (u16, &'static str)) -> std::io::Result<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head: Vec<u8> = seen.drain(..end + 4).collect();
            let head = String::from_utf8_lossy(&head);
            let title = head.split(" HTTP/").next().unwrap_or_default();
            let (status, body) = answer(title);
            let sent = if title.starts_with("HEAD") { "" } else { body };
            let more = "Content-Type: application/json\r\nApi-Version: 1.51";
            write!(
                stream,
                "HTTP/1.1 {status} X\r\n{more}\r\nContent-Length: {}\r\n\r\n{sent}",
                body.len()
            )?;
            if head.to_ascii_lowercase().contains("connection: close") {
                return Ok(());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => seen.extend_from_slice(&buffer[..count]),
        }
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
