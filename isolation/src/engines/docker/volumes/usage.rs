//! How large a volume is.

use engine_api::system::DataUsage;
use serde::Serialize;

use super::Volumes;
use crate::engines::docker::diagnostics::to_error;
use crate::error::{Error, Result};

/// How large a volume is, and who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeUsage {
    /// The size of its files in bytes; `None` if the daemon does not know it.
    pub size: Option<u64>,
    /// The number of containers that use it.
    pub containers: Option<u64>,
}

impl Volumes<'_> {
    /// How large a volume is. The daemon measures everything that it has, which can take seconds.
    pub async fn usage(&self, reference: &str) -> Result<VolumeUsage> {
        let measured = self.measure(reference).await;
        measured.map_err(|error| error.during("measure the volume", reference))
    }

    async fn measure(&self, reference: &str) -> Result<VolumeUsage> {
        let found = self.find(reference).await?;
        let docker = self.engine.docker().await?;
        let usage = docker.system().df(DataUsage::default()).await.map_err(to_error)?;
        let items = usage.volume_usage.map(|usage| usage.items).unwrap_or_default();
        let mut all = usage.volumes.into_iter().chain(items);
        let volume = all.find(|volume| volume.name == found.on_daemon);
        let volume = volume.ok_or_else(|| Error::not_found("somebody else has removed it"))?;
        let known = |number: i64| u64::try_from(number).ok();
        Ok(VolumeUsage {
            size: volume.usage_data.as_ref().and_then(|usage| known(usage.size)),
            containers: volume
                .usage_data
                .as_ref()
                .and_then(|usage| known(usage.ref_count)),
        })
    }
}
