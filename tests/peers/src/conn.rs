//! One end of an HTTP/1.1 connection: heads and bodies. Only the framing is decoded.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::Result;

/// The length of a body.
pub enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

/// A connection, and the bytes read from it.
pub struct Conn {
    stream: UnixStream,
    room: Box<[u8]>,
    /// The bytes that were read and not yet used.
    from: usize,
    to: usize,
}

impl Conn {
    pub async fn open(socket: &str) -> Result<Self> {
        Ok(Self::over(UnixStream::connect(socket).await?))
    }

    pub fn over(stream: UnixStream) -> Self {
        Self {
            stream,
            room: vec![0; 64 * 1024].into(),
            from: 0,
            to: 0,
        }
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Whether more bytes come.
    pub async fn has_more(&mut self) -> Result<bool> {
        Ok(self.from < self.to || self.read().await? > 0)
    }

    /// The head of a request or a reply, and the length of the body after it.
    pub async fn head(&mut self) -> Result<(String, Length)> {
        let end = self.find(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&self.room[self.from..end]).into_owned();
        self.from = end;
        let length = length(&head);
        Ok((head, length))
    }

    /// Reads a body and passes its pieces to `sink`.
    pub async fn body(&mut self, length: Length, mut sink: impl FnMut(&[u8])) -> Result<()> {
        match length {
            Length::Known(length) => self.pass(length, &mut sink).await,
            Length::UntilClose => loop {
                sink(&self.room[self.from..self.to]);
                self.from = self.to;
                if self.read().await? == 0 {
                    return Ok(());
                }
            },
            Length::Chunked => loop {
                let end = self.find(b"\r\n").await?;
                let digits = self.room[self.from..end - 2].iter();
                let size = digits.fold(0, |size, digit| size << 4 | hex(*digit));
                self.from = end;
                self.pass(size, &mut sink).await?;
                self.from = self.find(b"\r\n").await?;
                if size == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn pass(&mut self, mut left: usize, sink: &mut impl FnMut(&[u8])) -> Result<()> {
        while left > 0 {
            if self.from == self.to && self.read().await? == 0 {
                return Err("the body was cut".into());
            }
            let n = left.min(self.to - self.from);
            sink(&self.room[self.from..self.from + n]);
            self.from += n;
            left -= n;
        }
        Ok(())
    }

    /// The position after the next `mark`. It reads until there is one.
    async fn find(&mut self, mark: &[u8]) -> Result<usize> {
        loop {
            let seen = &self.room[self.from..self.to];
            if let Some(at) = seen.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.from + at + mark.len());
            }
            if self.read().await? == 0 {
                return Err("the connection was closed".into());
            }
        }
    }

    async fn read(&mut self) -> Result<usize> {
        self.room.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        let n = self.stream.read(&mut self.room[self.to..]).await?;
        self.to += n;
        Ok(n)
    }
}

fn hex(digit: u8) -> usize {
    char::from(digit).to_digit(16).unwrap_or(0) as usize
}

fn length(head: &str) -> Length {
    let mut lines = head.split("\r\n");
    if lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 101")) {
        return Length::UntilClose;
    }
    let headers = lines.filter_map(|line| line.split_once(": "));
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-length") {
            return Length::Known(value.parse().unwrap_or(0));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Length::Chunked;
        }
    }
    Length::Known(0)
}
