//! docker-api, as its documentation shows it.

use std::io::Read;
use std::path::Path;

use docker_api::conn::TtyChunk;
use docker_api::opts::{ContainerListOpts, EventsOpts, ExecCreateOpts, ExecStartOpts, LogsOpts};
use futures_util::{Stream, TryStreamExt};

use super::{Client, pieces};
use crate::{Result, replies, work};

pub struct DockerApi(docker_api::Docker);

impl Client for DockerApi {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self(docker_api::Docker::unix(socket)))
    }

    async fn ping(&self) -> Result<u64> {
        self.0.ping().await?;
        Ok(1)
    }

    async fn version(&self) -> Result<u64> {
        self.0.version().await?;
        Ok(1)
    }

    async fn list(&self) -> Result<u64> {
        let all = ContainerListOpts::builder().all(true).build();
        Ok(self.0.containers().list(&all).await?.len() as u64)
    }

    async fn logs(&self, megabytes: u64) -> Result<u64> {
        let options = LogsOpts::builder().stdout(true).stderr(true).build();
        let container = self.0.containers().get(megabytes.to_string());
        payload(container.logs(&options)).await
    }

    async fn exec(&self, megabytes: u64) -> Result<u64> {
        let options = ExecCreateOpts::builder()
            .command(["cat", "/data"])
            .attach_stdout(true)
            .attach_stderr(true)
            .build();
        let container = self.0.containers().get(megabytes.to_string());
        payload(container.exec(&options, &ExecStartOpts::default()).await?).await
    }

    async fn events(&self) -> Result<u64> {
        let options = EventsOpts::default();
        let mut events = std::pin::pin!(self.0.events(&options));
        let mut came = 0;
        while events.try_next().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn download(&self, megabytes: u64) -> Result<u64> {
        let container = self.0.containers().get(megabytes.to_string());
        length(container.copy_from("/tmp")).await
    }

    async fn upload(&self, megabytes: u64) -> Result<u64> {
        let body = hyper_014::Body::wrap_stream(pieces(megabytes));
        let container = self.0.containers().get(megabytes.to_string());
        container.copy_to(Path::new("/tmp"), body).await?;
        Ok(megabytes * 1_000_000)
    }

    async fn save(&self, megabytes: u64) -> Result<u64> {
        length(self.0.images().get(megabytes.to_string()).export()).await
    }

    /// docker-api takes a reader, and reads all of it before it sends anything.
    async fn load(&self, megabytes: u64) -> Result<u64> {
        let archive = std::io::repeat(0).take(work::pieces(megabytes) * work::PIECE.len() as u64);
        let images = self.0.images();
        let mut progress = std::pin::pin!(images.import(archive));
        let mut came = 0;
        while let Some(line) = progress.try_next().await? {
            if let docker_api::models::ImageBuildChunk::Update { stream } = line {
                came = replies::loaded_bytes(&stream)?;
            }
        }
        Ok(came)
    }
}

type Streamed<T> = std::result::Result<T, docker_api::Error>;

async fn length(bytes: impl Stream<Item = Streamed<Vec<u8>>>) -> Result<u64> {
    let mut bytes = std::pin::pin!(bytes);
    let mut came = 0;
    while let Some(piece) = bytes.try_next().await? {
        came += piece.len() as u64;
    }
    Ok(came)
}

async fn payload<E: Into<crate::Error>>(
    output: impl Stream<Item = std::result::Result<TtyChunk, E>>,
) -> Result<u64> {
    let mut output = std::pin::pin!(output);
    let mut came = 0;
    while let Some(piece) = output.try_next().await.map_err(Into::into)? {
        let (TtyChunk::StdIn(bytes) | TtyChunk::StdOut(bytes) | TtyChunk::StdErr(bytes)) = piece;
        came += bytes.len() as u64;
    }
    Ok(came)
}
