//! A fake engine's end of one connection.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use engine_api::connect::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::request::Request;
use super::seen::Seen;

/// The client at the other end of a connection; dropping it hangs up.
pub struct Peer {
    stream: BoxStream,
    /// Read, but not yet asked for.
    buffer: BytesMut,
    number: usize,
    /// The number of the last request.
    asked: usize,
    /// Counts as live until the stream is closed, so it stands, and is dropped, after it.
    seen: Open,
}

/// A connection that is counted as live.
struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Peer {
    pub(super) fn new(stream: BoxStream, seen: Arc<Seen>) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            number: seen.open(),
            asked: 0,
            seen: Open(seen),
        }
    }

    /// The number of this connection among all of its engine, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Reads a request, body included; `None` when the client hangs up instead of asking.
    ///
    /// # Errors
    ///
    /// When the client hangs up in the middle.
    pub async fn request(&mut self) -> io::Result<Option<Request>> {
        let Some(mut request) = self.head().await? else {
            return Ok(None);
        };
        request.body = match request.length() {
            Some(length) => self.take(length).await?,
            None => self.chunks().await?,
        };
        self.seen.0.body(self.asked, &request.body);
        Ok(Some(request))
    }

    /// Reads the head of a request and leaves its body; `None` when the client hangs up instead.
    ///
    /// # Errors
    ///
    /// When the client hangs up in the middle.
    pub async fn head(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end + 4);
                let request = Request::parse(&String::from_utf8_lossy(&head[..end]));
                self.asked = self.seen.0.head(&request);
                return Ok(Some(request));
            }
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(gone())
                };
            }
        }
    }

    /// Reads exactly `length` bytes.
    ///
    /// # Errors
    ///
    /// When the client sends less.
    pub async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(gone());
            }
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    /// Reads until what has come ends with `end`.
    ///
    /// # Errors
    ///
    /// When the client hangs up before.
    pub async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        while !self.buffer.ends_with(end) {
            if self.fill().await? == 0 {
                return Err(gone());
            }
        }
        Ok(self.buffer.split().to_vec())
    }

    /// Reads until the client says that no more comes.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? != 0 {}
        Ok(self.buffer.split().to_vec())
    }

    /// Answers nothing until the client hangs up; what it sends is dropped.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn until_gone(&mut self) -> io::Result<()> {
        while self.fill().await? != 0 {
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes bytes exactly as they are.
    ///
    /// # Errors
    ///
    /// When the client is gone.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]> + Send) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Says that no more comes, and goes on reading.
    ///
    /// # Errors
    ///
    /// When the client is gone.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            body.extend(self.take(size).await?);
            self.take(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.fill().await? == 0 {
                return Err(gone());
            }
        }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the client hung up in the middle")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
