//! Create a volume.

use std::collections::BTreeMap;

use engine_api::Docker;
use engine_api::volumes::CreateVolume;

use super::{VolumeInfo, Volumes, info};
use crate::engine::volumes::VolumeGuard;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::labels;
use crate::engines::docker::owned::{Kind, completed};
use crate::engines::docker::resources::{Entered, Resource, check_kept};
use crate::engines::docker::volume_directory::VolumeDirectory;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::lifetime::Lifetime;
use crate::spec::validate;

/// How to create a volume: [`Volumes::create`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeOptions {
    /// The name for people; any text. The name on the daemon contains it and a random part.
    pub name: Option<String>,
    /// The name on the daemon, in place of one of its own. It must not exist.
    pub on_daemon: Option<String>,
    /// The group to which it belongs. The end of the group does not remove it;
    /// [`Manager::remove_group_volumes`](crate::Manager::remove_group_volumes) does.
    pub group: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its owner removes it, or only [`Volumes::remove`] and [`Volumes::prune`].
    pub lifetime: Lifetime,
}

/// A volume that was created. Dropping it removes the volume, unless it is to be
/// [kept](Lifetime::Kept); if this process is killed, [`Manager::gc`](crate::Manager::gc) removes
/// it.
#[derive(Debug)]
pub struct CreatedVolume {
    info: VolumeInfo,
    entered: Entered,
}

impl Volumes<'_> {
    /// Creates an empty volume. The first environment that mounts it fills it with the files that
    /// its image has at the target.
    pub async fn create(&self, options: VolumeOptions) -> Result<CreatedVolume> {
        // A group looks for its volume itself.
        if let (Lifetime::Kept, Some(name)) = (options.lifetime, &options.name) {
            let kept = self.list().await?.into_iter();
            let kept = kept.filter(|one| one.lifetime == Lifetime::Kept);
            let checked = check_kept(Kind::Volume, kept, name);
            checked.map_err(|error| error.during("create the volume", name))?;
        }
        let created = self.create_guarded(options).await?;
        if created.info.lifetime == Lifetime::Kept {
            created.keep();
        }
        Ok(created)
    }

    /// As [`create`](Self::create); the drop removes also a volume that is to be kept, until
    /// [`VolumeGuard::keep`].
    pub(super) async fn create_guarded(&self, options: VolumeOptions) -> Result<CreatedVolume> {
        let name = options.name.clone().unwrap_or_default();
        let created = self.make(options).await;
        created.map_err(|error| error.during("create the volume", &name))
    }

    async fn make(&self, options: VolumeOptions) -> Result<CreatedVolume> {
        let docker = self.engine.docker().await?;
        let (prefix, lifetime) = (&self.engine.settings().volume_prefix, options.lifetime);
        let mut new = Resource::new(
            Kind::Volume,
            prefix,
            options.name.as_deref(),
            lifetime,
            &options.labels,
        )?;
        if let Some(on_daemon) = options.on_daemon {
            new.on_daemon = on_daemon;
            check_free(docker, &new.on_daemon).await?;
        }
        let group = options.group.map(|group| (labels::GROUP.to_owned(), group));
        new.labels.extend(group);
        let entered = new.enter(self.engine, docker).await?;
        let directory = self.directory(docker, &new.on_daemon).await;
        let driver_opts = directory
            .as_ref()
            .map(VolumeDirectory::options)
            .unwrap_or_default();
        let body = CreateVolume {
            name: new.on_daemon.clone(),
            driver_opts,
            labels: new.labels.clone().into(),
            ..CreateVolume::default()
        };
        let docker = docker.clone();
        let creating = async move { docker.volumes().create(body).await.map_err(to_error) };
        let (entered, volume) = completed(entered, creating).await?;
        // A daemon returns a volume that exists, whatever labels were asked for.
        let info = info(&volume).filter(|info| info.id == new.id.as_str());
        let info = info.ok_or_else(|| exists(&new.on_daemon))?;
        entered.made();
        if let Some(directory) = directory {
            directory.keep();
        }
        Ok(CreatedVolume { info, entered })
    }
}

/// Fails if the daemon has a volume with this name: it would return that one.
async fn check_free(docker: &Docker, name: &str) -> Result<()> {
    validate::name(name)?;
    match docker.volumes().inspect(name).await {
        Ok(_) => Err(exists(name)),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(to_error(error)),
    }
}

fn exists(name: &str) -> Error {
    let text = format!(
        "the daemon has a volume with the name {name} already; remove it, or use it as an external one"
    );
    Error::new(ErrorKind::Conflict, text)
}

impl VolumeGuard for CreatedVolume {
    fn keep(&self) {
        self.entered.owned.disarm();
    }
}

impl CreatedVolume {
    /// The facts about the volume.
    pub fn info(&self) -> &VolumeInfo {
        &self.info
    }

    /// The name on the daemon, by which environments mount it:
    /// [`Mount::volume`](crate::Mount::volume).
    pub fn on_daemon(&self) -> &str {
        &self.info.on_daemon
    }

    /// Removes it, whatever its lifetime is.
    pub async fn remove(self) -> Result<()> {
        let removed = self.entered.owned.remove().await;
        removed.map_err(|error| error.during("remove the volume", &self.info.name))
    }
}
