//! Volumes in the directory that the configuration names.
//!
//! The directory is on the machine of the daemon, which may be another one, or have other files
//! than this process sees. So it is used only if a container sees a file that this process has
//! written, and if this process can remove files of every owner.

use std::path::Path;

use engine_api::Docker;
use engine_api::containers::{Mount as ContainerMount, MountType};

use super::Volumes;
use super::access::PLACE;
use crate::engines::docker::publish;
use crate::engines::docker::volume_directory::VolumeDirectory;
use crate::error::Error;

/// A file by which the directory is recognised in a container.
const CANARY: &str = ".isolate-canary";

impl Volumes<'_> {
    /// A new directory for a volume with this name, if the configuration names a place that can be
    /// used.
    pub(super) async fn directory(&self, docker: &Docker, name: &str) -> Option<VolumeDirectory> {
        let base = self.engine.settings().volume_base_path.as_deref()?;
        if !publish::is_local(docker) {
            return None;
        }
        let path = Path::new(base).join(name);
        let directory = VolumeDirectory::create(path).ok()?;
        if !is_of_root(directory.path()) {
            return None;
        }
        let works = self
            .engine
            .volume_base_path_works
            .get_or_init(|| self.is_seen(directory.path()))
            .await;
        works.then_some(directory)
    }

    /// Whether containers of the daemon see the directory.
    async fn is_seen(&self, directory: &Path) -> bool {
        let canary = directory.join(CANARY);
        if std::fs::write(&canary, "").is_err() {
            return false;
        }
        let mount = ContainerMount {
            kind: MountType::Bind,
            source: directory.display().to_string(),
            target: PLACE.to_owned(),
            read_only: true,
            ..ContainerMount::default()
        };
        let seen = async {
            let docker = self.engine.docker().await?;
            let access = self.access_to(mount).await?;
            let containers = docker.containers();
            let found = containers.stat(access.name(), &format!("{PLACE}/{CANARY}")).await;
            access.remove().await;
            Ok::<bool, Error>(found.is_ok())
        };
        // A daemon that does not have the directory refuses the container.
        let seen = seen.await.unwrap_or(false);
        std::fs::remove_file(&canary).is_ok() && seen
    }
}

#[cfg(unix)]
fn is_of_root(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(directory).is_ok_and(|found| found.uid() == 0)
}

#[cfg(not(unix))]
fn is_of_root(_: &Path) -> bool {
    false
}
