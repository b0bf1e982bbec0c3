//! Writes the answers of all requests, one after the other.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::answer::Answer;
use crate::protocol::line::line;

/// The maximum number of unwritten answers. If a client does not read, senders wait.
const QUEUE: usize = 64;

/// The sender of answers.
#[derive(Debug, Clone)]
pub(super) struct Answers(mpsc::Sender<Bytes>);

impl Answers {
    pub(super) fn new() -> (Self, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Sends an answer that is a part of a stream.
    pub(super) async fn send(&self, answer: &Answer) -> Result<()> {
        self.put(line(answer)?).await
    }

    /// Sends the last answer to a request.
    pub(super) async fn end(&self, id: u64, outcome: Result<Map<String, Value>>) -> Result<()> {
        let written = outcome.and_then(|result| {
            line(&Answer {
                result: Some(result),
                ..Answer::to(id)
            })
        });
        match written {
            Ok(line) => self.put(line).await,
            Err(error) => self.fail(Some(id), &error).await,
        }
    }

    /// Sends an error. An error without an ID ends the connection.
    pub(super) async fn fail(&self, id: Option<u64>, error: &Error) -> Result<()> {
        match line(&Answer::failed(id, error)) {
            Ok(line) => self.put(line).await,
            Err(long) => self.put(line(&Answer::failed(id, &long))?).await,
        }
    }

    async fn put(&self, line: Bytes) -> Result<()> {
        let sent = self.0.send(line).await;
        sent.map_err(|_| Error::new(ErrorKind::Unavailable, "the client has closed the connection"))
    }
}

/// Writes lines until every sender is dropped. Waiting lines are written together.
pub(super) async fn write(
    mut output: impl AsyncWrite + Unpin,
    mut queue: mpsc::Receiver<Bytes>,
) -> io::Result<()> {
    let mut waiting = Vec::new();
    let mut text = Vec::new();
    while queue.recv_many(&mut waiting, QUEUE).await > 0 {
        text.clear();
        waiting
            .drain(..)
            .for_each(|line: Bytes| text.extend_from_slice(&line));
        output.write_all(&text).await?;
        output.flush().await?;
    }
    Ok(())
}

/// A result as a JSON object.
pub(super) fn object(result: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(result) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::new(ErrorKind::Engine, "the result is not an object")),
        Err(error) => Err(Error::engine_with_kind("serve", ErrorKind::Engine, error)),
    }
}

/// A call that no request makes.
pub(super) fn not_a_request() -> Error {
    Error::new(ErrorKind::InvalidInput, "this is not a request")
}
