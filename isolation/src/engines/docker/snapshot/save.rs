//! Reads the files of a container and of its volumes into a snapshot.

use engine_api::containers::{Container, InspectContainer, MountType};
use engine_api::images::InspectImage;

use super::stream::for_thread;
use super::{image, volumes};
use crate::BoxFuture;
use crate::engine::saves::Saves;
use crate::engines::docker::NAME;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::instance::DockerInstance;
use crate::error::{Error, Result};
use crate::snapshots::{Contents, LeftOut, PartKind, PartWriter, TreePath};

/// The files that the daemon itself puts into every container.
const OF_DAEMON: [&[u8]; 6] = [
    b".dockerenv",
    b"etc/hosts",
    b"etc/hostname",
    b"etc/resolv.conf",
    b"etc/mtab",
    b"run/.containerenv",
];

impl Saves for DockerInstance {
    fn contents(&self) -> BoxFuture<'_, Result<Contents>> {
        Box::pin(async move {
            let container = self.look_closely().await?;
            let docker = &self.container.docker;
            let images = docker.images();
            let found = images.inspect(&container.image, InspectImage::default()).await;
            let found = found.map_err(to_error)?;
            let (parts, left_out) = parts(&container);
            Ok(Contents {
                parts,
                left_out,
                source: container.id.clone(),
                engine_detail: docker.address(),
                platform: format!("{}/{}", found.os, found.architecture),
                location: None,
                image: Some(image::clean_config(found.config.unwrap_or_default())?),
            })
        })
    }

    fn save(&self, mut part: PartWriter) -> BoxFuture<'_, Result<PartWriter>> {
        Box::pin(async move {
            let containers = self.container.docker.containers();
            let archive = match part.kind() {
                PartKind::Root => containers.export(self.container.id()).await.map_err(to_error)?,
                PartKind::Volume { target, volume, .. } => {
                    volumes::read(&self.container, volume, target).await?
                }
            };
            let is_root = *part.kind() == PartKind::Root;
            let reader = for_thread(archive);
            let reading = tokio::task::spawn_blocking(move || {
                part.start_anew();
                part.add_archive(reader, |path| is_root && is_of_daemon(path))?;
                Ok(part)
            });
            reading.await.map_err(|ended| Error::engine(NAME, ended))?
        })
    }
}

impl DockerInstance {
    pub(super) async fn look_closely(&self) -> Result<Container> {
        let containers = self.container.docker.containers();
        let inspected = containers
            .inspect(self.container.id(), InspectContainer::default())
            .await;
        inspected.map_err(|error| match error.is_not_found() {
            true => Error::lost(),
            false => to_error(error),
        })
    }
}

/// The file system and the volumes of a container, and what else is mounted in it.
pub(super) fn parts(container: &Container) -> (Vec<PartKind>, Vec<LeftOut>) {
    let (mut parts, mut left_out) = (vec![PartKind::Root], Vec::new());
    for mount in &container.mounts {
        match &mount.kind {
            MountType::Volume => parts.push(PartKind::Volume {
                target: mount.destination.clone(),
                volume: mount.name.clone(),
                read_only: !mount.rw,
            }),
            MountType::Tmpfs => left_out.push(LeftOut::new(
                format!("the files in memory at {}", mount.destination),
                "they are gone at each end of the environment",
            )),
            _ => left_out.push(LeftOut::new(
                format!("{} at {}", mount.source, mount.destination),
                "it belongs to the host, and is mounted again at the restore",
            )),
        }
    }
    for target in container.host_config.tmpfs.keys() {
        left_out.push(LeftOut::new(
            format!("the files in memory at {target}"),
            "they are gone at each end of the environment",
        ));
    }
    parts.sort_by_key(PartKind::name);
    (parts, left_out)
}

/// Whether the daemon makes the file anew in every container.
fn is_of_daemon(path: &TreePath) -> bool {
    let bytes = path.as_bytes();
    OF_DAEMON.contains(&bytes) || bytes.starts_with(b"dev/")
}
