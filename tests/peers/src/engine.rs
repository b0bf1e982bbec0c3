//! An engine that replies at once: its replies are built before it listens.
//!
//! It is not one of the engines of `fake-engine`, because its cost must stay small: short calls
//! share a CPU with it, and the elapsed time of a stream includes it.
//!
//! Lengths are in the names, so that no option is needed: the logs of container `200` are 200 MB,
//! an exec made in container `500` writes 500 MB, and image `200` is an archive of 200 MB.

use std::rc::Rc;

use tokio::net::{UnixListener, UnixStream};

use crate::Result;
use crate::conn::Conn;
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
                // A client that hangs up is not a failure of the engine.
                tokio::task::spawn_local(async move { connection(stream, &replies).await.ok() });
            }
        })
        .await
}

async fn connection(stream: UnixStream, replies: &Replies) -> Result<()> {
    let mut conn = Conn::over(stream);
    while conn.has_more().await? {
        let (head, length) = conn.head().await?;
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = target.split('?').next().unwrap_or_default();
        let mut sent = 0;
        conn.body(length, |bytes| sent += bytes.len() as u64).await?;
        let mut parts = path.split('/').skip(1).peekable();
        parts.next_if(|part| part.starts_with("v1."));
        let parts: Vec<&str> = parts.collect();
        match (method, parts.as_slice()) {
            ("HEAD", ["_ping"]) => conn.write(&replies.ping[..replies.ping.len() - 2]).await?,
            ("GET", ["_ping"]) => conn.write(&replies.ping).await?,
            ("GET", ["version"]) => conn.write(&replies.version).await?,
            ("GET", ["containers", "json"]) => conn.write(&replies.list).await?,
            ("GET", ["events"]) => conn.write(&replies.events).await?,
            ("GET", ["containers", id, "json"]) => conn.write(&replies::inspect(id)).await?,
            ("POST", ["containers", id, "exec"]) => conn.write(&replies::created(id)).await?,
            ("GET", ["exec", id, "json"]) => conn.write(&replies::exec(id)).await?,
            ("PUT", ["containers", megabytes, "archive"]) => {
                let right = sent == megabytes.parse::<u64>()? * 1_000_000;
                let reply = if right {
                    replies::UNPACKED
                } else {
                    replies::WRONG_LENGTH
                };
                conn.write(reply).await?;
            }
            ("POST", ["images", "load"]) => conn.write(&replies::loaded(sent)).await?,
            ("POST", ["exec", megabytes, "start"]) => {
                pour(
                    &mut conn,
                    replies::HIJACK_HEAD,
                    &replies.frame,
                    frames(megabytes)?,
                )
                .await?;
                return Ok(()); // a hijacked connection ends with the process
            }
            ("GET", ["containers", megabytes, "logs"]) => {
                let writes = replies::LINES_PER_MEGABYTE * megabytes.parse::<usize>()? / replies::LINES;
                pour(&mut conn, replies::LOGS_HEAD, &replies.lines, writes).await?;
                conn.write(b"0\r\n\r\n").await?;
            }
            ("GET", ["containers", megabytes, "archive"] | ["images", megabytes, "get"]) => {
                pour(&mut conn, replies::TAR_HEAD, &replies.block, frames(megabytes)?).await?;
                conn.write(b"0\r\n\r\n").await?;
            }
            _ => conn.write(replies::NOT_FOUND).await?,
        }
    }
    Ok(())
}

/// Writes a head, and then the same bytes so many times.
async fn pour(conn: &mut Conn, head: &[u8], bytes: &[u8], times: usize) -> Result<()> {
    conn.write(head).await?;
    for _ in 0..times {
        conn.write(bytes).await?;
    }
    Ok(())
}

/// How many frames, or blocks, make so many megabytes.
fn frames(megabytes: &str) -> Result<usize> {
    Ok(megabytes.parse::<usize>()? * 1_000_000 / replies::FRAME)
}
