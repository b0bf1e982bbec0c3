//! Bytes on a Tokio socket: the floor. Nothing is decoded but the framing.

use std::cell::RefCell;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::Client;
use super::by_hand;
use super::frames::Frames;
use crate::Result;
use crate::replies;

pub struct Raw {
    socket: String,
    idle: RefCell<Vec<Conn>>,
}

impl Raw {
    /// The body of a reply, whole.
    pub async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        self.stream(path, |bytes| all.extend_from_slice(bytes)).await?;
        Ok(all)
    }

    async fn stream(&self, path: &str, sink: impl FnMut(&[u8])) -> Result<()> {
        self.exchange(&request("GET", path, ""), sink).await
    }

    async fn exchange(&self, request: &str, sink: impl FnMut(&[u8])) -> Result<()> {
        let mut conn = self.conn().await?;
        let length = conn.send(request).await?;
        conn.body(length, sink).await?;
        self.idle.borrow_mut().push(conn);
        Ok(())
    }

    async fn conn(&self) -> Result<Conn> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(conn) => Ok(conn),
            None => Conn::open(&self.socket).await,
        }
    }
}

const PING: &str = "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

fn request(method: &str, path: &str, json: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

impl Client for Raw {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self {
            socket: socket.to_owned(),
            idle: RefCell::default(),
        })
    }

    async fn ping(&self) -> Result<u64> {
        let mut right = false;
        self.exchange(PING, |body| right = body == b"OK").await?;
        Ok(u64::from(right))
    }

    async fn version(&self) -> Result<u64> {
        self.stream("/v1.51/version", |_| {}).await?;
        Ok(1)
    }

    async fn list(&self) -> Result<u64> {
        let bytes = self.get("/v1.51/containers/json?all=true").await?;
        // It does not decode, so it can only tell whether all came.
        let whole = bytes.len() > 9_000_000 && bytes.ends_with(b"]\n");
        Ok(if whole { replies::CONTAINERS as u64 } else { 0 })
    }

    async fn logs(&self, megabytes: u64) -> Result<u64> {
        let mut frames = Frames::default();
        let path = format!("/v1.51/containers/{megabytes}/logs?stdout=true&stderr=true");
        self.stream(&path, |bytes| frames.push(bytes)).await?;
        Ok(frames.payload)
    }

    async fn exec(&self, megabytes: u64) -> Result<u64> {
        let path = format!("/v1.51/containers/{megabytes}/exec");
        let mut made = Vec::new();
        let create = request("POST", &path, by_hand::CREATE_EXEC);
        self.exchange(&create, |bytes| made.extend_from_slice(bytes))
            .await?;
        let path = format!("/v1.51/exec/{}/start", by_hand::id(&made)?);
        let mut conn = self.conn().await?;
        conn.send(&request("POST", &path, by_hand::START_EXEC)).await?;
        let mut frames = Frames::default();
        conn.body(Length::UntilClose, |bytes| frames.push(bytes)).await?;
        Ok(frames.payload)
    }

    async fn events(&self) -> Result<u64> {
        let mut came = 0;
        let count = |bytes: &[u8]| came += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.stream("/v1.51/events", count).await?;
        Ok(came)
    }
}

/// How long a body is.
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

struct Conn {
    stream: UnixStream,
    room: Box<[u8]>,
    /// What has been read and not yet used.
    from: usize,
    to: usize,
}

impl Conn {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self {
            stream: UnixStream::connect(socket).await?,
            room: vec![0; 64 * 1024].into(),
            from: 0,
            to: 0,
        })
    }

    /// Sends a request and reads the head of its reply.
    async fn send(&mut self, request: &str) -> Result<Length> {
        self.stream.write_all(request.as_bytes()).await?;
        let end = self.find(b"\r\n\r\n").await?;
        let head = &self.room[self.from..end];
        let length =
            length(head).ok_or_else(|| format!("a strange head: {}", String::from_utf8_lossy(head)))?;
        self.from = end;
        Ok(length)
    }

    async fn body(&mut self, length: Length, mut sink: impl FnMut(&[u8])) -> Result<()> {
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

    /// The place behind the next `mark`; reads until there is one.
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

/// Reads a head as far as it is needed; `None` when it is no success.
fn length(head: &[u8]) -> Option<Length> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    match lines.next()?.as_bytes().get(9)? {
        b'1' => return Some(Length::UntilClose),
        b'2' => {}
        _ => return None,
    }
    lines.find_map(|line| {
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            return value.parse().ok().map(Length::Known);
        }
        line.strip_prefix("Transfer-Encoding: chunked")
            .map(|_| Length::Chunked)
    })
}
