//! Multiplies a container: an image of its files, and copies of its volumes.

use std::sync::Arc;

use engine_api::Docker;
use engine_api::connect::Address;
use engine_api::containers::Container;
use engine_api::images::{CommitImage, Image, ImageConfig, InspectImage};

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
use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::journal::entry::{Entry, Resource, VERSION};
use crate::journal::process::Process;
use crate::snapshots::PartKind;
use crate::spec::lifetime::Lifetime;

/// What the status of a storage driver has if the daemon stores images in containerd.
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
}

impl Forks for DockerInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        Box::pin(async move {
            let container = self.look_closely().await?;
            let volumes = parts(&container).0;
            let made = self.point()?;
            let (client, podman) = (self.container.docker.clone(), self.container.podman);
            // The daemon completes it, even if the caller is dropped.
            let committing = async move {
                commit(&client, &container, podman, &made).await?;
                Ok(made)
            };
            let ((), made) = completed((), Box::pin(committing)).await?;
            Ok(ForkPoint::new(State {
                alive: Arc::default(),
                image: made.image,
                container: self.container.clone(),
                volumes: volumes
                    .into_iter()
                    .filter(|part| *part != PartKind::Root)
                    .collect(),
            }))
        })
    }
}

/// The image of a fork point, with its entry in the journal.
struct Point {
    image: Owned,
    id: EnvironmentId,
    journal: Journal,
}

impl DockerInstance {
    /// The image of a fork point that is about to be made. It has an entry of its own in the
    /// journal: the environment may outlive this process.
    fn point(&self) -> Result<Point> {
        let docker = &self.container.docker;
        let (id, name) = (EnvironmentId::random(), format!("{REPOSITORY}:{}", random_hex()));
        let journal = Journal::of(self.guard().journal().directory(), &id);
        let address = docker.address();
        if address.parse::<Address>().is_ok() {
            journal.begin(&Entry {
                version: VERSION,
                id: id.clone(),
                name: default_name(Kind::Image, &id),
                engine: NAME.to_owned(),
                address,
                image: None,
                session: None,
                lifetime: Lifetime::Owner,
                owner: Process::current(),
                resources: vec![Resource::new(Kind::Image.as_str(), &name)],
            })?;
        }
        let image = Owned::expecting(docker, Kind::Image, &name, id.as_str(), &journal);
        // The guard holds the entry until the image is gone.
        journal.finish();
        Ok(Point {
            image: image?,
            id,
            journal,
        })
    }
}

/// Makes an image of a container. It has no variable of the specification, no label of ours, and
/// the daemon shows none of them as those of its container.
async fn commit(docker: &Docker, container: &Container, podman: bool, point: &Point) -> Result<()> {
    let (images, name) = (docker.images(), point.image.name());
    let before = images.inspect(&container.image, InspectImage::default()).await;
    let before = before.map_err(to_error)?.config.unwrap_or_default();
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
        repo: name.to_owned(),
        changes,
        // The caller has paused it; the daemon would end that pause.
        no_pause: true,
        ..CommitImage::default()
    };
    images.commit(&container.id, options).await.map_err(to_error)?;
    if podman {
        return Ok(());
    }
    let info = docker.system().info().await.map_err(to_error)?;
    if info.driver_status.iter().any(|(_, value)| value == CONTAINERD) {
        return Ok(());
    }
    // The daemon keeps the configuration of the container in the image, and shows it to older
    // clients. An image of the same layers without it takes the name.
    let made = images.inspect(name, InspectImage::default()).await;
    let made = made.map_err(to_error)?;
    replace(docker, &made, &before, point).await
}

async fn replace(docker: &Docker, made: &Image, before: &ImageConfig, point: &Point) -> Result<()> {
    // Without a name, nothing else would find it.
    let unnamed = Owned::expecting(docker, Kind::Image, &made.id, point.id.as_str(), &point.journal)?;
    let mut config = made.config.clone().unwrap_or_default();
    image::without_variables(&mut config, before);
    image::load_layers(docker, made, &image::clean_config(config)?, point.image.name()).await?;
    unnamed.remove().await
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
        Box::pin(self.make(new, prepared)).await
    }
}
