//! An engine that answers at once: what it says is made before it listens.
//!
//! Lengths are in the names, so that no option is needed: the logs of container `200` are 200 MB, an
//! exec made in container `500` writes 500 MB.

use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::Result;
use crate::replies::{self, Replies};

/// Serves until it is killed.
pub async fn serve(socket: &str) -> Result<()> {
    let _ = std::fs::remove_file(socket);
    let replies = Rc::new(Replies::new());
    let listener = UnixListener::bind(socket)?;
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let replies = Rc::clone(&replies);
                // A client that hangs up is no failure of the engine's.
                tokio::task::spawn_local(async move { connection(stream, &replies).await.ok() });
            }
        })
        .await
}

async fn connection(mut stream: UnixStream, replies: &Replies) -> Result<()> {
    let mut buffer = Vec::with_capacity(8192);
    while let Some(request) = Request::read(&mut stream, &mut buffer).await? {
        let mut parts = request.path.split('/').skip(1).peekable();
        parts.next_if(|part| part.starts_with("v1."));
        let parts: Vec<&str> = parts.collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("HEAD", ["_ping"]) => stream.write_all(&replies.ping[..replies.ping.len() - 2]).await?,
            ("GET", ["_ping"]) => stream.write_all(&replies.ping).await?,
            ("GET", ["version"]) => stream.write_all(&replies.version).await?,
            ("GET", ["containers", "json"]) => stream.write_all(&replies.list).await?,
            ("GET", ["events"]) => stream.write_all(&replies.events).await?,
            ("GET", ["containers", megabytes, "logs"]) => {
                stream.write_all(replies::LOGS_HEAD).await?;
                let pieces = replies::LINES_PER_MEGABYTE * megabytes.parse::<usize>()? / replies::LINES;
                for _ in 0..pieces {
                    stream.write_all(&replies.lines).await?;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            ("GET", ["containers", id, "json"]) => stream.write_all(&replies::inspect(id)).await?,
            ("POST", ["containers", id, "exec"]) => {
                stream.write_all(&replies::created(id)).await?;
            }
            ("POST", ["exec", megabytes, "start"]) => {
                stream.write_all(replies::HIJACK_HEAD).await?;
                let pieces = megabytes.parse::<usize>()? * 1_000_000 / replies::FRAME;
                for _ in 0..pieces {
                    stream.write_all(&replies.frame).await?;
                }
                return Ok(()); // a hijacked connection ends with the process
            }
            _ => stream.write_all(replies::NOT_FOUND).await?,
        }
    }
    Ok(())
}

/// What a client asked for; its body is read and dropped.
struct Request {
    method: String,
    /// Without the query.
    path: String,
}

impl Request {
    /// The next request; `None` when the client has hung up.
    async fn read(stream: &mut UnixStream, buffer: &mut Vec<u8>) -> Result<Option<Self>> {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let length = content_length(&head);
        while buffer.len() < end + length {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        }
        buffer.drain(..end + length);
        Ok(Some(Self { method, path }))
    }
}

fn content_length(head: &str) -> usize {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths
        .next()
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
