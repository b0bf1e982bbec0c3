//! The files of volumes, in archives with their owners.

use engine_api::volumes::CreateVolume;
use engine_api::{Docker, RawBytes, Upload};

use super::stream::for_upload;
use crate::engine::NewEnvironment;
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::owned::{Kind, Owned, completed};
use crate::engines::docker::volumes::{VolumeInfo, podman_export};
use crate::engines::docker::{DockerEngine, labels};
use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::lifetime::Lifetime;

/// Reads a volume of a container; the container need not run.
pub(super) async fn read(container: &ContainerRef, volume: &str, target: &str) -> Result<RawBytes> {
    if container.podman {
        return podman_export(&container.docker, volume).await;
    }
    let containers = container.docker.containers();
    let path = format!("{}/.", target.trim_end_matches('/'));
    let path = path.as_str();
    let read = |name: String| async move { containers.download(&name, path).await };
    container.call(read).await.map_err(to_error)
}

impl DockerEngine {
    /// Creates a volume of an environment, and fills it from an archive.
    pub(super) async fn filled_volume(
        &self,
        docker: &Docker,
        new: NewEnvironment<'_>,
        content: impl tokio::io::AsyncRead + Send + 'static,
    ) -> Result<Owned> {
        // Its name ends with the ID, by which another process finds it.
        let name = format!(
            "{}{}_{}",
            self.settings().volume_prefix,
            &random_hex()[..8],
            new.id
        );
        let owned = Owned::expecting(
            docker,
            Kind::Volume,
            &name,
            new.id.as_str(),
            new.context.journal(),
        )?;
        let body = CreateVolume {
            name: name.clone(),
            labels: labels::of(new.id, new.name, new.spec)?.into(),
            ..CreateVolume::default()
        };
        let client = docker.clone();
        let creating = async move { client.volumes().create(body).await.map_err(to_error) };
        let (owned, volume) = completed(owned, creating).await?;
        if !labels::belongs_to(&volume.labels, new.id.as_str()) {
            let why = "a volume with this name exists already";
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        let info = VolumeInfo {
            id: new.id.to_string(),
            name: name.clone(),
            on_daemon: name,
            lifetime: Lifetime::Owner,
            group: None,
            created: volume.created_at,
            labels: std::collections::BTreeMap::new(),
        };
        self.volumes().fill(&info, Upload::reader(content)).await?;
        Ok(owned)
    }

    /// Creates a volume of an environment with the files of a volume of a container.
    pub(super) async fn cloned_volume(
        &self,
        docker: &Docker,
        new: NewEnvironment<'_>,
        from: &ContainerRef,
        volume: &str,
        target: &str,
    ) -> Result<Owned> {
        let archive = read(from, volume, target).await?;
        self.filled_volume(docker, new, for_upload(archive)).await
    }
}
