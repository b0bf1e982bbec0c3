//! hyper-util's pooled client with hyperlocal: the choice of a program without a Docker library. It
//! uses the types and the decoding of engine-api.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use engine_api::containers::ContainerSummary;
use engine_api::from_json;
use engine_api::system::EngineVersion;
use futures_util::{Stream, TryStreamExt};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyperlocal::UnixConnector;
use tokio::io::AsyncReadExt;

use super::by_hand;
use super::frames::Frames;
use super::{Client, pieces};
use crate::Result;

/// The frames of an upload.
type Pieces = Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>;

pub struct Pooled {
    client: HyperClient<UnixConnector, Either<Full<Bytes>, StreamBody<Pieces>>>,
    socket: String,
}

impl Pooled {
    async fn send(&self, method: Method, path: &str, json: &'static str) -> Result<Response<Incoming>> {
        let mut request = self.request(method, path);
        if !json.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if path.ends_with("/start") {
            request = request.header("connection", "Upgrade").header("upgrade", "tcp");
        }
        let response = self
            .client
            .request(request.body(Either::Left(Full::from(json)))?)
            .await?;
        Self::success(path, response)
    }

    /// Sends `megabytes` megabytes and returns the body of the reply.
    async fn put(&self, method: Method, path: &str, megabytes: u64) -> Result<Bytes> {
        let frames: Pieces = Box::pin(pieces(megabytes).map_ok(Frame::data));
        let request = self
            .request(method, path)
            .header("content-type", "application/x-tar");
        let request = request.body(Either::Right(StreamBody::new(frames)))?;
        let response = Self::success(path, self.client.request(request).await?)?;
        Ok(response.into_body().collect().await?.to_bytes())
    }

    /// The length of the body.
    async fn measure(&self, path: &str) -> Result<u64> {
        let mut body = self.send(Method::GET, path, "").await?.into_body();
        let mut came = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                came += data.len() as u64;
            }
        }
        Ok(came)
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let uri: hyper::Uri = hyperlocal::Uri::new(&self.socket, path).into();
        Request::builder().method(method).uri(uri)
    }

    fn success(path: &str, response: Response<Incoming>) -> Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() || status.as_u16() == 101 {
            return Ok(response);
        }
        Err(format!("{path}: {status}").into())
    }

    async fn get(&self, path: &str) -> Result<Bytes> {
        let response = self.send(Method::GET, path, "").await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }
}

impl Client for Pooled {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self {
            client: HyperClient::builder(TokioExecutor::new()).build(UnixConnector),
            socket: socket.to_owned(),
        })
    }

    async fn ping(&self) -> Result<u64> {
        self.get("/_ping").await?;
        Ok(1)
    }

    async fn version(&self) -> Result<u64> {
        from_json::<EngineVersion>(&self.get("/v1.51/version").await?)?;
        Ok(1)
    }

    async fn list(&self) -> Result<u64> {
        let bytes = self.get("/v1.51/containers/json?all=true").await?;
        Ok(from_json::<Vec<ContainerSummary>>(&bytes)?.len() as u64)
    }

    async fn logs(&self, megabytes: u64) -> Result<u64> {
        let path = format!("/v1.51/containers/{megabytes}/logs?stdout=true&stderr=true");
        let mut body = self.send(Method::GET, &path, "").await?.into_body();
        let mut frames = Frames::default();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                frames.push(&data);
            }
        }
        Ok(frames.payload)
    }

    async fn exec(&self, megabytes: u64) -> Result<u64> {
        let path = format!("/v1.51/containers/{megabytes}/exec");
        let made = self.send(Method::POST, &path, by_hand::CREATE_EXEC).await?;
        let id = by_hand::id(&made.into_body().collect().await?.to_bytes())?;
        let path = format!("/v1.51/exec/{id}/start");
        let started = self.send(Method::POST, &path, by_hand::START_EXEC).await?;
        let mut stream = TokioIo::new(hyper::upgrade::on(started).await?);
        let (mut frames, mut room) = (Frames::default(), vec![0; 64 * 1024]);
        loop {
            match stream.read(&mut room).await? {
                0 => return Ok(frames.payload),
                n => frames.push(&room[..n]),
            }
        }
    }

    async fn events(&self) -> Result<u64> {
        let mut body = self.send(Method::GET, "/v1.51/events", "").await?.into_body();
        let mut events = by_hand::Events::default();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                events.push(&data)?;
            }
        }
        Ok(events.came)
    }

    async fn download(&self, megabytes: u64) -> Result<u64> {
        self.measure(&format!("/v1.51/containers/{megabytes}/archive?path=/tmp"))
            .await
    }

    async fn upload(&self, megabytes: u64) -> Result<u64> {
        let path = format!("/v1.51/containers/{megabytes}/archive?path=/tmp");
        self.put(Method::PUT, &path, megabytes).await?;
        Ok(megabytes * 1_000_000)
    }

    async fn save(&self, megabytes: u64) -> Result<u64> {
        self.measure(&format!("/v1.51/images/{megabytes}/get")).await
    }

    async fn load(&self, megabytes: u64) -> Result<u64> {
        by_hand::loaded(&self.put(Method::POST, "/v1.51/images/load", megabytes).await?)
    }
}
