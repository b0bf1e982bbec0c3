//! bollard, as its documentation shows it.

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::{
    DownloadFromContainerOptions, EventsOptions, ImportImageOptions, ListContainersOptions, LogsOptions,
    UploadToContainerOptions,
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use super::{Client, pieces};
use crate::{Result, replies};

pub struct Bollard(bollard::Docker);

impl Client for Bollard {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self(bollard::Docker::connect_with_unix(
            socket,
            120,
            bollard::API_DEFAULT_VERSION,
        )?))
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
        let all = ListContainersOptions {
            all: true,
            ..Default::default()
        };
        Ok(self.0.list_containers(Some(all)).await?.len() as u64)
    }

    async fn logs(&self, megabytes: u64) -> Result<u64> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            ..Default::default()
        };
        payload(self.0.logs(&megabytes.to_string(), Some(options))).await
    }

    async fn exec(&self, megabytes: u64) -> Result<u64> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(vec!["cat", "/data"]),
            ..Default::default()
        };
        let made = self.0.create_exec(&megabytes.to_string(), options).await?;
        match self.0.start_exec(&made.id, None).await? {
            StartExecResults::Attached { output, .. } => payload(output).await,
            StartExecResults::Detached => Err("not attached".into()),
        }
    }

    async fn events(&self) -> Result<u64> {
        let mut events = std::pin::pin!(self.0.events(None::<EventsOptions>));
        let mut came = 0;
        while events.try_next().await?.is_some() {
            came += 1;
        }
        Ok(came)
    }

    async fn download(&self, megabytes: u64) -> Result<u64> {
        let options = DownloadFromContainerOptions { path: "/tmp".into() };
        length(
            self.0
                .download_from_container(&megabytes.to_string(), Some(options)),
        )
        .await
    }

    async fn upload(&self, megabytes: u64) -> Result<u64> {
        let options = UploadToContainerOptions {
            path: "/tmp".into(),
            ..Default::default()
        };
        let body = bollard::body_try_stream(pieces(megabytes));
        self.0
            .upload_to_container(&megabytes.to_string(), Some(options), body)
            .await?;
        Ok(megabytes * 1_000_000)
    }

    async fn save(&self, megabytes: u64) -> Result<u64> {
        length(self.0.export_image(&megabytes.to_string())).await
    }

    async fn load(&self, megabytes: u64) -> Result<u64> {
        let body = bollard::body_try_stream(pieces(megabytes));
        let mut progress = std::pin::pin!(self.0.import_image(ImportImageOptions::default(), body, None));
        let mut last = None;
        while let Some(line) = progress.try_next().await? {
            last = line.stream;
        }
        replies::loaded_bytes(&last.ok_or("no progress")?)
    }
}

async fn length(
    bytes: impl Stream<Item = std::result::Result<Bytes, bollard::errors::Error>>,
) -> Result<u64> {
    let mut bytes = std::pin::pin!(bytes);
    let mut came = 0;
    while let Some(piece) = bytes.try_next().await? {
        came += piece.len() as u64;
    }
    Ok(came)
}

async fn payload(
    output: impl Stream<Item = std::result::Result<LogOutput, bollard::errors::Error>>,
) -> Result<u64> {
    let mut output = std::pin::pin!(output);
    let mut came = 0;
    while let Some(piece) = output.try_next().await? {
        came += piece.as_ref().len() as u64;
    }
    Ok(came)
}
