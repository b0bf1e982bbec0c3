//! The disk limit: enforced by the storage of the daemon where it can do that, else measured.

use engine_api::containers::{CreateContainer, HostConfig, InspectContainer, UploadArchive};
use engine_api::{Docker, archive};

use super::diagnostics::to_error;
use super::disk_limit::DiskLimit;
use super::guarded::create_guarded;
use super::instance::DockerInstance;
use super::{DockerEngine, images, labels};
use crate::BoxFuture;
use crate::engine::NewEnvironment;
use crate::engine::instance::DiskUsage;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

/// The limit of a container that shows whether limits are enforced, in bytes.
const PROBE_LIMIT: usize = 1 << 20;

impl DockerEngine {
    /// How the disk limit of an environment is enforced. The first one with a limit of its own asks
    /// the storage of the daemon; until then, a default limit may be measured.
    pub(super) async fn disk_limit(
        &self,
        docker: &Docker,
        new: NewEnvironment<'_>,
        spec: &EnvironmentSpec,
    ) -> Result<DiskLimit> {
        if spec.limits.disk.is_none() {
            return Ok(DiskLimit::None);
        }
        let is_default = new.spec.limits.disk.is_none() || new.spec.limits.disk == self.settings.limits.disk;
        if self.quota.get().is_none() && !(is_default && self.trusts_defaults(docker, new)) {
            let image = &self.settings.image_of(spec);
            let prefix = &self.settings.container_prefix;
            let enforces = match self.daemon().await?.has_no_quota() {
                Some(_) => Some(false),
                None => Box::pin(enforces(docker, prefix, image, new)).await?,
            };
            if let Some(enforces) = enforces {
                // Another creation may have found it out at the same time.
                let _ = self.quota.set(enforces);
            }
        }
        Ok(match self.quota.get() {
            Some(true) => DiskLimit::Enforced,
            Some(false) | None => DiskLimit::Measured,
        })
    }
}

impl DockerEngine {
    /// The disk limit that the size is compared with.
    pub(super) fn measured_disk(&self, spec: &EnvironmentSpec, is_enforced: bool) -> Option<u64> {
        let measures = !is_enforced && self.settings.disk_measurements;
        spec.limits.disk.filter(|_| measures)
    }
}

/// Writes more than a small limit into a new container, which is not started. `None` if the daemon
/// does not have the image or reports another error: the next environment will find it out.
async fn enforces(
    docker: &Docker,
    prefix: &str,
    image: &str,
    new: NewEnvironment<'_>,
) -> Result<Option<bool>> {
    // With the name and the label of the environment, so that it is never left behind.
    let probe = CreateContainer {
        name: Some(format!("{prefix}disk-probe_{}", new.id)),
        image: image.to_owned(),
        labels: [(labels::ENVIRONMENT, new.id.as_str())].into(),
        cmd: ["true"].into(),
        host_config: HostConfig {
            storage_opt: [("size", PROBE_LIMIT.to_string())].into(),
            ..HostConfig::default()
        },
        ..CreateContainer::default()
    };
    let guard = match create_guarded(docker, probe, new.context).await? {
        Ok((guard, _)) => guard,
        Err(error) if images::is_missing(&error) => return Ok(None),
        // The storage has no quotas.
        Err(error) if error.status().is_some() => return Ok(Some(false)),
        Err(error) => return Err(to_error(error)),
    };
    let more = archive::file("isolation-disk-probe", 0o600, vec![b'x'; 2 * PROBE_LIMIT]).map_err(to_error)?;
    let containers = docker.containers();
    let written = containers
        .upload(guard.container(), "/", more, UploadArchive::default())
        .await;
    guard.remove().await;
    match written {
        Ok(()) => Ok(Some(false)),
        Err(error) if is_full(error.message().unwrap_or_default()) => Ok(Some(true)),
        // Another error shows nothing: this environment is measured, the next one asks again.
        Err(error) if error.status().is_some() => Ok(None),
        Err(error) => Err(to_error(error)),
    }
}

/// Whether the message of the daemon is that of a full disk or of an exceeded quota.
fn is_full(message: &str) -> bool {
    let message = message.to_lowercase();
    ["no space left", "quota exceeded"]
        .iter()
        .any(|text| message.contains(text))
}

impl DiskUsage for DockerInstance {
    fn limit(&self) -> u64 {
        self.measured_disk.unwrap_or(u64::MAX)
    }

    fn used(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async {
            let containers = self.container.docker.containers();
            let sized = |name: String| async move {
                containers.inspect(&name, InspectContainer { size: true }).await
            };
            match self.container.call(sized).await {
                Ok(container) => Ok(container
                    .size_rw
                    .and_then(|size| u64::try_from(size).ok())
                    .unwrap_or(0)),
                Err(error) if error.is_not_found() => Err(Error::lost()),
                Err(error) => Err(to_error(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_full;

    #[test]
    fn only_a_full_disk_shows_a_quota() {
        assert!(is_full("write /isolation-disk-probe: no space left on device"));
        assert!(is_full("write /f: Disk quota exceeded"));
        assert!(!is_full("container rootfs is marked read-only"));
        assert!(!is_full(""));
    }
}
