//! Volumes of the Docker daemon that belong to no environment.

mod access;
mod archive;
mod base_path;
mod create;
mod group;
mod usage;

use std::collections::BTreeMap;

use engine_api::Docker;
use engine_api::volumes::{ListVolumes, Volume};
use serde::Serialize;

pub(super) use archive::podman_export;
pub use create::{CreatedVolume, VolumeOptions};
pub use usage::VolumeUsage;

use super::diagnostics::to_error;
use super::owned::{self, Kind};
use super::resources::{self, Named};
use super::{DockerEngine, NAME, labels};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::lifetime::Lifetime;

/// The volumes that this program has created for no single environment:
/// [`DockerEngine::volumes`]. Those of others are not listed, changed or removed.
///
/// ```no_run
/// use isolation::engines::docker::{DockerEngine, VolumeOptions};
/// use isolation::{CopySource, EnvironmentSpec, Mount};
///
/// # async fn demo(engine: DockerEngine) -> isolation::Result<()> {
/// let data = engine.volumes().create(VolumeOptions::default()).await?;
/// engine.volumes().copy_in(data.on_daemon(), CopySource::bytes("x"), "seed.sql").await?;
/// let spec = EnvironmentSpec {
///     mounts: vec![Mount::volume(data.on_daemon(), "/data")],
///     ..EnvironmentSpec::default()
/// };
/// # let _ = spec;
/// data.remove().await // a drop removes it, too
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Volumes<'a> {
    engine: &'a DockerEngine,
}

/// A volume of [`Volumes`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeInfo {
    /// The ID.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The name on the daemon, by which environments mount it.
    pub on_daemon: String,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// The group to which it belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When it was created, in RFC 3339.
    pub created: String,
    /// The labels that were given to it.
    pub labels: BTreeMap<String, String>,
}

impl DockerEngine {
    /// The volumes that this program has created for no single environment.
    pub fn volumes(&self) -> Volumes<'_> {
        Volumes { engine: self }
    }
}

impl Volumes<'_> {
    /// The volumes, by name.
    pub async fn list(&self) -> Result<Vec<VolumeInfo>> {
        let listed = self.listed().await;
        listed.map_err(|error| error.during("list the volumes of", NAME))
    }

    async fn listed(&self) -> Result<Vec<VolumeInfo>> {
        listed(self.engine.docker().await?).await
    }

    /// A volume, by its name, its name on the daemon, its ID, or a unique beginning of the ID.
    pub async fn inspect(&self, reference: &str) -> Result<VolumeInfo> {
        let found = self.find(reference).await;
        found.map_err(|error| error.during("inspect the volume", reference))
    }

    async fn find(&self, reference: &str) -> Result<VolumeInfo> {
        resources::find(Kind::Volume, self.listed().await?, reference)
    }

    /// Removes a volume with its files.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](ErrorKind::Conflict) if a container uses it; the error names that.
    pub async fn remove(&self, reference: &str) -> Result<()> {
        let removed = async {
            let found = self.find(reference).await?;
            let docker = self.engine.docker().await?;
            owned::remove(docker, Kind::Volume, &found.on_daemon, &found.id, None).await
        };
        let removed = removed.await.map(drop);
        removed.map_err(|error| error.during("remove the volume", reference))
    }

    /// Removes every volume without a given name that is [kept](Lifetime::Kept) and that no
    /// container uses, and returns those. A volume with an owner is removed by that, or by
    /// [`Manager::gc`](crate::Manager::gc).
    pub async fn prune(&self) -> Result<Vec<VolumeInfo>> {
        let pruned = self.remove_unused(false).await;
        pruned.map_err(|error| error.during("prune the volumes of", NAME))
    }

    /// As [`prune`](Self::prune), but also removes volumes with a given name, of every user.
    pub async fn prune_all(&self) -> Result<Vec<VolumeInfo>> {
        let pruned = self.remove_unused(true).await;
        pruned.map_err(|error| error.during("prune the volumes of", NAME))
    }

    async fn remove_unused(&self, named: bool) -> Result<Vec<VolumeInfo>> {
        let docker = self.engine.docker().await?;
        let options = ListVolumes {
            dangling: Some(true),
            label: [labels::RESOURCE].into(),
            ..ListVolumes::default()
        };
        let unused = docker.volumes().list(options).await.map_err(to_error)?;
        let mut removed = Vec::new();
        for volume in unused.volumes.iter().filter_map(info) {
            if volume.lifetime != Lifetime::Kept || (!named && volume.is_named()) {
                continue;
            }
            match owned::remove(docker, Kind::Volume, &volume.on_daemon, &volume.id, None).await {
                Ok(true) => removed.push(volume),
                Ok(false) => {}
                // A container has begun to use it.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }
}

impl VolumeInfo {
    /// Whether its creator gave it a name.
    fn is_named(&self) -> bool {
        let id = self.id.parse::<EnvironmentId>();
        !id.is_ok_and(|id| self.name == resources::default_name(Kind::Volume, &id))
    }
}

/// The name on the daemon of the volume that a specification names: that of any volume, or one of
/// [`Volumes`] by its name or ID.
pub(super) async fn resolve(docker: &Docker, reference: &str) -> Result<String> {
    // A daemon has no other names, and some reject a question for one.
    let possible = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if reference.starts_with(|c: char| c.is_ascii_alphanumeric()) && reference.chars().all(possible) {
        match docker.volumes().inspect(reference).await {
            Ok(volume) => return Ok(volume.name),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(to_error(error)),
        }
    }
    let found = resources::find(Kind::Volume, listed(docker).await?, reference);
    match found {
        Ok(volume) => Ok(volume.on_daemon),
        Err(error) if error.is_not_found() => Err(Error::not_found(format!(
            "the volume {reference} does not exist; create it: isolate volume create {reference}; a path of this \
             machine begins with / or ./"
        ))),
        Err(error) => Err(error),
    }
}

async fn listed(docker: &Docker) -> Result<Vec<VolumeInfo>> {
    let options = ListVolumes {
        label: [labels::RESOURCE].into(),
        ..ListVolumes::default()
    };
    let listed = docker.volumes().list(options).await.map_err(to_error)?;
    let mut found: Vec<_> = listed.volumes.iter().filter_map(info).collect();
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    Ok(found)
}

impl Named for VolumeInfo {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn on_daemon(&self) -> &str {
        &self.on_daemon
    }
}

/// The volume; `None` if it is not one of [`Volumes`].
fn info(volume: &Volume) -> Option<VolumeInfo> {
    let label = |key: &str| volume.labels.get(key).cloned();
    Some(VolumeInfo {
        id: label(labels::RESOURCE)?,
        name: label(labels::NAME)?,
        on_daemon: volume.name.clone(),
        lifetime: labels::lifetime(&volume.labels),
        group: label(labels::GROUP),
        created: volume.created_at.clone(),
        labels: labels::of_user(&volume.labels),
    })
}
