//! The reference for pings: hyper's connection without a pool, a version, a retry or a typed reply.

use std::cell::RefCell;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::Client;
use crate::Result;

pub struct HyperConn(RefCell<SendRequest<Empty<Bytes>>>);

const PINGS: &str = "it only pings";

impl Client for HyperConn {
    async fn open(socket: &str) -> Result<Self> {
        let stream = TokioIo::new(UnixStream::connect(socket).await?);
        let (sender, connection) = handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self(RefCell::new(sender)))
    }

    async fn ping(&self) -> Result<u64> {
        let request = Request::builder().uri("/_ping").header("host", "docker");
        let request = request.body(Empty::new())?;
        let sent = {
            let mut sender = self.0.try_borrow_mut()?;
            sender.ready().await?;
            sender.send_request(request)
        };
        let response = sent.await?;
        if !response.status().is_success() {
            return Err(response.status().to_string().into());
        }
        response.into_body().collect().await?;
        Ok(1)
    }

    async fn version(&self) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn list(&self) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn logs(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn exec(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn events(&self) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn download(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn upload(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn save(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }

    async fn load(&self, _megabytes: u64) -> Result<u64> {
        Err(PINGS.into())
    }
}
