//! engine-api.

use engine_api::containers::{ListContainers, ReadLogs};
use engine_api::exec::{CreateExec, StartExec};
use engine_api::system::ListenEvents;
use engine_api::{Docker, Output, RawBytes, Upload};

use super::{Client, pieces};
use crate::{Result, replies};

pub struct EngineApi(Docker);

impl Client for EngineApi {
    async fn open(socket: &str) -> Result<Self> {
        Ok(Self(Docker::unix(socket)))
    }

    async fn ping(&self) -> Result<u64> {
        self.0.system().ping().await?;
        Ok(1)
    }

    async fn version(&self) -> Result<u64> {
        self.0.system().version().await?;
        Ok(1)
    }

    async fn list(&self) -> Result<u64> {
        let all = ListContainers {
            all: true,
            ..Default::default()
        };
        Ok(self.0.containers().list(all).await?.len() as u64)
    }

    async fn logs(&self, megabytes: u64) -> Result<u64> {
        let id = megabytes.to_string();
        payload(self.0.containers().logs(&id, ReadLogs::default()).await?).await
    }

    async fn exec(&self, megabytes: u64) -> Result<u64> {
        let exec = CreateExec {
            attach_stdout: true,
            attach_stderr: true,
            cmd: ["cat", "/data"].into(),
            ..Default::default()
        };
        let made = self.0.execs().create(&megabytes.to_string(), exec).await?;
        let started = self.0.execs().start(&made.id, StartExec::default()).await?;
        payload(started.output).await
    }

    async fn events(&self) -> Result<u64> {
        let mut events = self.0.system().events(ListenEvents::default()).await?;
        let mut came = 0;
        while let Some(event) = events.next().await {
            event?;
            came += 1;
        }
        Ok(came)
    }

    async fn download(&self, megabytes: u64) -> Result<u64> {
        length(
            self.0
                .containers()
                .download(&megabytes.to_string(), "/tmp")
                .await?,
        )
        .await
    }

    async fn upload(&self, megabytes: u64) -> Result<u64> {
        let (id, archive) = (megabytes.to_string(), Upload::stream(pieces(megabytes)));
        let containers = self.0.containers();
        containers
            .upload(&id, "/tmp", archive, Default::default())
            .await?;
        Ok(megabytes * 1_000_000)
    }

    async fn save(&self, megabytes: u64) -> Result<u64> {
        length(
            self.0
                .images()
                .save(&megabytes.to_string(), Default::default())
                .await?,
        )
        .await
    }

    async fn load(&self, megabytes: u64) -> Result<u64> {
        let archive = Upload::stream(pieces(megabytes));
        let progress = self.0.images().load(archive, Default::default()).await?;
        let last = progress.last().await?.ok_or("no progress")?;
        replies::loaded_bytes(&last.stream)
    }
}

async fn length(mut bytes: RawBytes) -> Result<u64> {
    let mut came = 0;
    while let Some(piece) = bytes.next().await {
        came += piece?.len() as u64;
    }
    Ok(came)
}

async fn payload(mut output: Output) -> Result<u64> {
    let mut came = 0;
    while let Some(chunk) = output.next().await {
        came += chunk?.bytes().len() as u64;
    }
    Ok(came)
}
