//! Access to the files of a volume, through a container that is never started.

use std::collections::BTreeMap;
use std::path::Path;

use engine_api::Docker;
use engine_api::common::VolumeOptions as MountOptions;
use engine_api::containers::{CreateContainer, HostConfig, Mount as ContainerMount, MountType};
use engine_api::images::ListImages;

use super::{VolumeInfo, Volumes};
use crate::engines::docker::busy::{self, Busy};
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::mount_table::MountTable;
use crate::engines::docker::owned::{Kind, completed};
use crate::engines::docker::resources::{Entered, Resource};
use crate::engines::docker::shell_program::ShellProgram;
use crate::engines::docker::{files, paths};
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::spec::lifetime::Lifetime;
use crate::spec::mount::Mount;
use crate::spec::validate;

/// Where the volume is in the container. Images have nothing there.
pub(super) const PLACE: &str = "/.isolate-volume";

/// A container with the volume, which is removed when this is dropped.
pub(super) struct Access {
    container: ContainerRef,
    entered: Entered,
}

impl Access {
    pub(super) fn name(&self) -> &str {
        self.container.id()
    }

    /// Removes it. After an error, the drop tries again.
    pub(super) async fn remove(self) {
        let _ = self.entered.owned.remove().await;
    }
}

impl Volumes<'_> {
    /// Copies a file or directory into a volume, by the rules of
    /// [`Environment::copy_in`](crate::Environment::copy_in). `target` starts at the root of the
    /// volume.
    ///
    /// The copy needs an image on the daemon, of which nothing runs: the default one, or any.
    pub async fn copy_in(&self, reference: &str, source: CopySource, target: &str) -> Result<()> {
        let copied = async {
            validate::text("the target of the copy", target)?;
            let target = paths::resolve("/", target)?;
            let access = self.access(&self.find(reference).await?).await?;
            // Not at the root: Podman mounts nothing in a container that does not run.
            let copied = files::upload(&access.container, PLACE, source, &target).await;
            access.remove().await;
            copied
        };
        let copied = copied.await;
        copied.map_err(|error| error.during("copy into the volume", reference))
    }

    /// Copies a file or directory out of a volume, by the same rules.
    pub async fn copy_out(&self, reference: &str, source: &str, target: impl AsRef<Path>) -> Result<()> {
        let copied = async {
            validate::text("the source of the copy", source)?;
            let path = inside(source)?;
            let access = self.access(&self.find(reference).await?).await?;
            let copied = files::copy_out(&access.container, &mounts(), &path, target.as_ref()).await;
            access.remove().await;
            copied.map_err(|error| match error.is_not_found() {
                true => Error::not_found(format!("{source} does not exist in the volume")),
                false => error,
            })
        };
        let copied = copied.await;
        copied.map_err(|error| error.during("copy out of the volume", reference))
    }

    /// A container that has the volume and is not started.
    pub(super) async fn access(&self, volume: &VolumeInfo) -> Result<Access> {
        let mount = ContainerMount {
            kind: MountType::Volume,
            source: volume.on_daemon.clone(),
            target: PLACE.to_owned(),
            volume_options: Some(MountOptions {
                no_copy: true,
                ..MountOptions::default()
            }),
            ..ContainerMount::default()
        };
        self.access_to(mount).await
    }

    /// A container that has the mount at [`PLACE`] and is not started.
    pub(super) async fn access_to(&self, mount: ContainerMount) -> Result<Access> {
        let docker = self.engine.docker().await?;
        let podman = self.engine.podman(docker).await?;
        let prefix = format!("{}volume_", self.engine.settings().container_prefix);
        let new = Resource::new(Kind::Container, &prefix, None, Lifetime::Owner, &BTreeMap::new())?;
        let entered = new.enter(self.engine, docker).await?;
        let name = new.on_daemon.clone();
        let body = CreateContainer {
            name: Some(name.clone()),
            image: self.image(docker).await?,
            // Any program: it is never started.
            entrypoint: Some(["/none"].into()),
            labels: new.labels.clone().into(),
            host_config: HostConfig {
                network_mode: "none".to_owned(),
                mounts: vec![mount],
                ..HostConfig::default()
            },
            ..CreateContainer::default()
        };
        let client = docker.clone();
        let busy = Busy::with(&busy::names_of(&body));
        let creating = async move {
            let created = client.containers().create(body).await.map_err(to_error);
            drop(busy);
            created
        };
        let (entered, _) = completed(entered, creating).await?;
        new.made(&entered);
        Ok(Access {
            container: ContainerRef {
                docker: docker.clone(),
                name: std::sync::Arc::new(name.into()),
                made_id: std::sync::Arc::default(),
                control_user: "0",
                daemon: self.engine.daemon.clone(),
                reported_kills: std::sync::Arc::default(),
                podman,
                shell: ShellProgram::new(std::iter::empty()),
            },
            entered,
        })
    }

    /// An image that the daemon has: the default one, or the smallest.
    async fn image(&self, docker: &Docker) -> Result<String> {
        let default = &self.engine.settings().default_image;
        match docker.images().inspect(default, Default::default()).await {
            Ok(_) => return Ok(default.clone()),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(to_error(error)),
        }
        let images = docker
            .images()
            .list(ListImages::default())
            .await
            .map_err(to_error)?;
        let smallest = images
            .into_iter()
            .min_by_key(|image| (image.size, image.id.clone()));
        smallest.map(|image| image.id).ok_or_else(|| {
            Error::not_found("the daemon has no image, and a copy needs any; pull one: docker pull busybox")
        })
    }
}

/// The path in the container of a path in the volume, whose root is that of the volume.
fn inside(path: &str) -> Result<String> {
    let inside = paths::resolve("/", path)?;
    Ok(format!("{PLACE}{}", inside.trim_end_matches('/')))
}

fn mounts() -> MountTable {
    MountTable::new(&[Mount::volume("volume", PLACE)])
}
