//! Bytes on a Tokio socket, the lower bound. Only the framing is decoded.

use std::cell::RefCell;

use super::Client;
use super::by_hand;
use super::frames::Frames;
use crate::Result;
use crate::conn::{Conn, Length};
use crate::replies;
use crate::work;

pub struct Raw {
    socket: String,
    idle: RefCell<Vec<Conn>>,
}

impl Raw {
    /// The complete body of a reply.
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
        conn.write(request.as_bytes()).await?;
        let length = answer(&mut conn).await?;
        conn.body(length, sink).await?;
        self.idle.borrow_mut().push(conn);
        Ok(())
    }

    /// The length of a body.
    async fn measure(&self, path: &str) -> Result<u64> {
        let mut came = 0;
        self.stream(path, |bytes| came += bytes.len() as u64).await?;
        Ok(came)
    }

    /// Sends `megabytes` megabytes in chunks, and returns the body of the reply.
    async fn send(&self, method: &str, path: &str, megabytes: u64) -> Result<Vec<u8>> {
        let mut conn = self.conn().await?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: docker\r\nTransfer-Encoding: chunked\r\n\r\n");
        conn.write(head.as_bytes()).await?;
        let chunk = replies::chunk(&work::PIECE);
        for _ in 0..work::pieces(megabytes) {
            conn.write(&chunk).await?;
        }
        conn.write(b"0\r\n\r\n").await?;
        let (length, mut said) = (answer(&mut conn).await?, Vec::new());
        conn.body(length, |bytes| said.extend_from_slice(bytes)).await?;
        self.idle.borrow_mut().push(conn);
        Ok(said)
    }

    async fn conn(&self) -> Result<Conn> {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(conn) => Ok(conn),
            None => Conn::open(&self.socket).await,
        }
    }
}

/// The length of the body of a reply, which must be a success.
async fn answer(conn: &mut Conn) -> Result<Length> {
    let (head, length) = conn.head().await?;
    match head.as_bytes().get(9) {
        Some(b'1' | b'2') => Ok(length),
        _ => Err(format!("a strange head: {head}").into()),
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
        // It does not decode, so it can only check that all bytes came.
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
        let start = request("POST", &path, by_hand::START_EXEC);
        conn.write(start.as_bytes()).await?;
        answer(&mut conn).await?;
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

    async fn download(&self, megabytes: u64) -> Result<u64> {
        self.measure(&format!("/v1.51/containers/{megabytes}/archive?path=/tmp"))
            .await
    }

    async fn upload(&self, megabytes: u64) -> Result<u64> {
        let path = format!("/v1.51/containers/{megabytes}/archive?path=/tmp");
        self.send("PUT", &path, megabytes).await?;
        Ok(megabytes * 1_000_000)
    }

    async fn save(&self, megabytes: u64) -> Result<u64> {
        self.measure(&format!("/v1.51/images/{megabytes}/get")).await
    }

    async fn load(&self, megabytes: u64) -> Result<u64> {
        by_hand::loaded(&self.send("POST", "/v1.51/images/load", megabytes).await?)
    }
}
