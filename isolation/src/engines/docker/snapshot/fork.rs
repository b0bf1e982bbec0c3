//! Multiplies a container: an image of its files, and copies of its volumes.

use std::sync::{Arc, Mutex, PoisonError};

use engine_api::Docker;
use engine_api::connect::Address;
use engine_api::containers::Container;
use engine_api::images::{CommitImage, ImageConfig, InspectImage};
use tokio::task::JoinHandle;

use super::save::parts;
use super::{Prepared, REPOSITORY, image};
use crate::BoxFuture;
use crate::engine::NewEnvironment;
use crate::engine::forks::{ForkPoint, Forks};
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::instance::DockerInstance;
use crate::engines::docker::owned::{Kind, Owned, completed};
use crate::engines::docker::resources::default_name;
use crate::engines::docker::{DockerEngine, NAME, labels};
use crate::environment::id::{EnvironmentId, random_hex};
use crate::environment::summary;
use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::journal::entry::{Entry, Resource, VERSION};
use crate::journal::process::Process;
use crate::snapshots::PartKind;
use crate::spec::lifetime::Lifetime;

/// The word in the status of a storage driver of a daemon that stores images in containerd.
const CONTAINERD: &str = "io.containerd.snapshotter.v1";

/// The state of a container: an image, which every fork uses, and its volumes, which are copied for
/// each fork.
#[derive(Debug)]
struct State {
    /// Dropped before the image: from then on, the last fork removes the image.
    alive: Arc<()>,
    image: Owned,
    container: ContainerRef,
    volumes: Vec<PartKind>,
    /// The removal of what was made on the way, which the first fork awaits in the end.
    removal: Mutex<Option<JoinHandle<Result<()>>>>,
}

impl State {
    /// Waits until only the image is left.
    async fn removed(&self) -> Result<()> {
        let removal = self.removal.lock().unwrap_or_else(PoisonError::into_inner).take();
        match removal {
            Some(removal) => removal.await.map_err(|ended| Error::engine(NAME, ended))?,
            None => Ok(()),
        }
    }
}

impl Forks for DockerInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        Box::pin(async move {
            let docker = &self.container.docker;
            let (client, directory) = (docker.clone(), self.guard().journal().directory().cloned());
            // Not in the runtime's thread, and meanwhile the daemon answers: the disk may be slow.
            let noting = tokio::task::spawn_blocking(move || Images::expecting(&client, directory.as_ref()));
            let container = self.look_closely().await?;
            let before = docker.images();
            let before = before.inspect(&container.image, InspectImage::default()).await;
            let before = before.map_err(to_error)?.config.unwrap_or_default();
            let images = noting.await.map_err(|ended| Error::engine(NAME, ended))??;
            let mut volumes = parts(&container).0;
            volumes.retain(|part| *part != PartKind::Root);
            let (client, podman) = (docker.clone(), self.container.podman);
            // The daemon completes it, even if the caller is dropped.
            let committing = commit(client, container, before, podman, images);
            let ((), (image, removal)) = completed((), Box::pin(committing)).await?;
            // The files of volumes are read for each fork.
            let is_lasting = volumes.is_empty();
            let point = ForkPoint::new(State {
                alive: Arc::default(),
                image,
                container: self.container.clone(),
                volumes,
                removal: Mutex::new(removal),
            });
            Ok(match is_lasting {
                true => point,
                false => point.of_original(),
            })
        })
    }
}

/// The images of a fork point that is about to be made.
struct Images {
    /// The commit of the container.
    committed: Owned,
    /// An image of the same layers without a trace of the container. Not every daemon needs it.
    clean: Owned,
}

impl Images {
    /// They have an entry of their own in the journal: the environment may outlive this process.
    /// This blocks.
    fn expecting(docker: &Docker, directory: Option<&StateDirectory>) -> Result<Self> {
        let id = EnvironmentId::random();
        let names = [(); 2].map(|()| format!("{REPOSITORY}:{}", random_hex()));
        let journal = Journal::of(directory, &id);
        let address = docker.address();
        if address.parse::<Address>().is_ok() {
            let noted = |name: &String| Resource::new(Kind::Image.as_str(), name);
            journal.begin(&Entry {
                version: VERSION,
                id: id.clone(),
                name: default_name(Kind::Image, &id),
                engine: NAME.to_owned(),
                address,
                image: None,
                session: None,
                created: summary::now(),
                lifetime: Lifetime::Owner,
                owner: Process::current(),
                resources: names.iter().map(noted).collect(),
            })?;
        }
        let [committed, clean] =
            names.map(|name| Owned::expecting(docker, Kind::Image, &name, id.as_str(), &journal));
        // The guards hold the entry until the images are gone.
        journal.finish();
        Ok(Self {
            committed: committed?,
            clean: clean?,
        })
    }
}

/// Makes an image of a container; returns it, and the removal of what was made on the way. The
/// image has no variable of the specification, no label of ours, and the daemon shows none of them
/// as those of its container. `before` is the configuration of the image of the container.
async fn commit(
    docker: Docker,
    container: Container,
    before: ImageConfig,
    podman: bool,
    made: Images,
) -> Result<(Owned, Option<JoinHandle<Result<()>>>)> {
    let (images, Images { committed, clean }) = (docker.images(), made);
    let names: Vec<String> = container
        .config
        .env
        .iter()
        .filter_map(|entry| entry.split_once('=').map(|(name, _)| name.to_owned()))
        .filter(|name| before.env.value(name).is_none())
        .collect();
    let mut ours = container.config.labels.clone();
    ours.retain(|key, _| key.starts_with(labels::PREFIX));
    let ours = ours.into_iter().collect();
    let mut changes = image::blanks(&names, &ours);
    // A variable of the image that the specification has changed.
    for entry in before.env.iter() {
        if let Some((name, value)) = entry.split_once('=') {
            if container.config.env.value(name) != Some(value) {
                changes.push(format!("ENV {name}={}", quoted(value)));
            }
        }
    }
    let options = CommitImage {
        repo: committed.name().to_owned(),
        changes,
        // The caller has paused it; the daemon would end that pause.
        no_pause: true,
        ..CommitImage::default()
    };
    images.commit(&container.id, options).await.map_err(to_error)?;
    if podman || stores_in_containerd(&docker, &container).await? {
        // Nothing has its name.
        clean.disarm();
        return Ok((committed, None));
    }
    // The daemon keeps the configuration of the container in the image, and shows it to older
    // clients.
    let found = images.inspect(committed.name(), InspectImage::default()).await;
    let found = found.map_err(to_error)?;
    let mut config = found.config.clone().unwrap_or_default();
    image::without_variables(&mut config, &before);
    image::load_layers(&docker, &found, &image::clean_config(config)?, clean.name()).await?;
    let removal = tokio::spawn(async move { committed.remove().await });
    Ok((clean, Some(removal)))
}

/// Whether the daemon stores images in containerd. The name of the storage driver tells it, except
/// for names that both kinds have.
async fn stores_in_containerd(docker: &Docker, container: &Container) -> Result<bool> {
    let driver = container.graph_driver.as_ref().map(|driver| driver.name.as_str());
    match driver {
        Some("overlay2" | "overlay" | "aufs" | "vfs" | "devicemapper") => Ok(false),
        Some("overlayfs" | "native") => Ok(true),
        _ => {
            let info = docker.system().info().await.map_err(to_error)?;
            Ok(info.driver_status.iter().any(|(_, value)| value == CONTAINERD))
        }
    }
}

/// A value in an instruction, as it is.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

impl DockerEngine {
    pub(in crate::engines::docker) async fn make_fork(
        &self,
        new: NewEnvironment<'_>,
        point: &ForkPoint,
    ) -> Result<DockerInstance> {
        let Some(state) = point.get::<State>() else {
            return Err(Error::invalid("the fork point belongs to another engine"));
        };
        let docker = self.docker().await?;
        let name = state.image.name();
        let mut prepared = Prepared {
            image: Some(name.to_owned()),
            ..Prepared::default()
        };
        let image = Owned::expecting(docker, Kind::Image, name, new.id.as_str(), new.context.journal())?;
        prepared
            .owned
            .push(image.shared_with(Arc::downgrade(&state.alive)));
        for part in &state.volumes {
            if let PartKind::Volume {
                target,
                volume,
                read_only,
            } = part
            {
                let cloned = self
                    .cloned_volume(docker, new, &state.container, volume, target)
                    .await?;
                prepared
                    .volumes
                    .push((target.clone(), cloned.name().to_owned(), *read_only));
                prepared.owned.push(cloned);
            }
        }
        let made = Box::pin(self.make(new, prepared)).await?;
        state.removed().await?;
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn value_in_an_instruction_is_quoted() {
        assert_eq!(quoted(r#"a "b" $c\ d"#), r#""a \"b\" \$c\\ d""#);
        assert_eq!(quoted(""), "\"\"");
    }
}
