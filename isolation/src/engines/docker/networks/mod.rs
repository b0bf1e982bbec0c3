//! Networks of the Docker daemon that belong to no single environment.

mod allocate;
pub(super) mod join;
mod private;
mod resolve;
pub(super) mod shared;
mod subnets;

use std::collections::BTreeMap;

use engine_api::networks::{CreateNetwork, InspectNetwork, ListNetworks, Network};
use serde::Serialize;

pub(super) use allocate::{Wanted, allocate};
pub(super) use private::{OwnNetworks, own_name, with_own_names};
pub(super) use resolve::{check_aliases, resolve};

use super::diagnostics::to_error;
use super::owned::{self, Kind, completed};
use super::resources::{self, Entered, Named, Resource};
use super::{DockerEngine, labels};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::lifetime::Lifetime;
use crate::spec::subnet::Subnet;

/// The networks that this program has created for no single environment:
/// [`DockerEngine::networks`]. Those of others are not listed, changed or removed.
///
/// ```no_run
/// use isolation::engines::docker::{DockerEngine, NetworkOptions};
/// use isolation::{EnvironmentSpec, NetworkMode, NetworkSpec};
///
/// # async fn demo(engine: DockerEngine) -> isolation::Result<()> {
/// let network = engine.networks().create(NetworkOptions::default()).await?;
/// let spec = EnvironmentSpec {
///     network: NetworkSpec {
///         mode: NetworkMode::Named(network.on_daemon().to_owned()),
///         aliases: vec!["db".into()],
///         ..NetworkSpec::default()
///     },
///     ..EnvironmentSpec::default()
/// };
/// # let _ = spec;
/// network.remove().await // a drop removes it, too
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Networks<'a> {
    engine: &'a DockerEngine,
}

/// How to create a network: [`Networks::create`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The name for people; any text. The name on the daemon contains it and a random part.
    pub name: Option<String>,
    /// The addresses of the network. By default a free part of
    /// [`network_subnet`](super::DockerSettings::network_subnet).
    pub subnet: Option<Subnet>,
    /// Whether nothing outside of the network can be reached from it. From Docker 28 on, the
    /// machine of the daemon cannot be reached either.
    pub internal: bool,
    /// Whether it has IPv6 addresses, too.
    pub ipv6: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its owner removes it, or only [`Networks::remove`] and [`Networks::prune`].
    pub lifetime: Lifetime,
}

/// A network of [`Networks`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkInfo {
    /// The ID.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The name on the daemon, by which environments join it.
    pub on_daemon: String,
    /// The addresses.
    pub subnets: Vec<String>,
    /// Whether nothing outside of it can be reached.
    pub internal: bool,
    /// Whether it has IPv6 addresses.
    pub ipv6: bool,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// The labels that were given to it.
    pub labels: BTreeMap<String, String>,
    /// The names of the running containers on it. [`Networks::list`] leaves them out.
    pub containers: Vec<String>,
}

/// A network that was created. Dropping it removes the network, unless it is to be
/// [kept](Lifetime::Kept); if this process is killed, [`Manager::gc`](crate::Manager::gc) removes
/// it.
#[derive(Debug)]
pub struct CreatedNetwork {
    info: NetworkInfo,
    outside_preference: Option<String>,
    entered: Entered,
}

impl DockerEngine {
    /// The networks that this program has created for no single environment.
    pub fn networks(&self) -> Networks<'_> {
        Networks { engine: self }
    }
}

impl Networks<'_> {
    /// Creates a network.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](ErrorKind::Conflict) if the subnet is used already,
    /// [`Unavailable`](ErrorKind::Unavailable) if the daemon has no free one.
    pub async fn create(&self, options: NetworkOptions) -> Result<CreatedNetwork> {
        let name = options.name.clone().unwrap_or_default();
        let created = self.make(options).await;
        created.map_err(|error| error.during("create the network", &name))
    }

    async fn make(&self, options: NetworkOptions) -> Result<CreatedNetwork> {
        if let (Lifetime::Kept, Some(name)) = (options.lifetime, &options.name) {
            let kept = self.listed().await?.into_iter();
            let kept = kept.filter(|one| one.lifetime == Lifetime::Kept);
            resources::check_kept(Kind::Network, kept, name)?;
        }
        let (docker, settings) = (self.engine.docker().await?, self.engine.settings());
        let (prefix, lifetime) = (&settings.network_prefix, options.lifetime);
        let new = Resource::new(
            Kind::Network,
            prefix,
            options.name.as_deref(),
            lifetime,
            &options.labels,
        )?;
        let entered = new.enter(self.engine, docker).await?;
        let body = CreateNetwork {
            name: new.on_daemon.clone(),
            labels: new.labels.clone().into(),
            ..CreateNetwork::default()
        };
        let wanted = Wanted {
            subnet: options.subnet,
            preference: settings.network_subnet,
            ipv6: options.ipv6,
            internal: options.internal,
        };
        let client = docker.clone();
        let allocating = async move { allocate(&client, body, wanted).await };
        let (entered, outside_preference) = completed(entered, allocating).await?;
        let network = docker
            .networks()
            .inspect(&new.on_daemon, InspectNetwork::default())
            .await;
        let info = info(&network.map_err(to_error)?).ok_or_else(|| {
            Error::new(
                ErrorKind::Engine,
                "the daemon has dropped the labels of the network",
            )
        })?;
        new.made(&entered);
        Ok(CreatedNetwork {
            info,
            outside_preference,
            entered,
        })
    }

    /// The networks, by name.
    pub async fn list(&self) -> Result<Vec<NetworkInfo>> {
        let listed = self.listed().await;
        listed.map_err(|error| error.during("list the networks of", super::NAME))
    }

    async fn listed(&self) -> Result<Vec<NetworkInfo>> {
        let options = ListNetworks {
            label: [labels::RESOURCE].into(),
            ..ListNetworks::default()
        };
        let listed = self.engine.docker().await?.networks().list(options).await;
        let mut found: Vec<_> = listed.map_err(to_error)?.iter().filter_map(info).collect();
        found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        Ok(found)
    }

    /// A network, by its name, its name on the daemon, its ID, or a unique beginning of the ID.
    pub async fn inspect(&self, reference: &str) -> Result<NetworkInfo> {
        let found = self.look(reference).await;
        found.map_err(|error| error.during("inspect the network", reference))
    }

    async fn look(&self, reference: &str) -> Result<NetworkInfo> {
        let found = resources::find(Kind::Network, self.listed().await?, reference)?;
        let networks = self.engine.docker().await?.networks();
        let network = networks
            .inspect(&found.on_daemon, InspectNetwork::default())
            .await;
        let gone = || Error::not_found("somebody else has removed it");
        info(&network.map_err(to_error)?).ok_or_else(gone)
    }

    /// Removes a network.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](ErrorKind::Conflict) if containers are on it.
    pub async fn remove(&self, reference: &str) -> Result<()> {
        let removed = async {
            let found = resources::find(Kind::Network, self.listed().await?, reference)?;
            let docker = self.engine.docker().await?;
            owned::remove(docker, Kind::Network, &found.on_daemon, &found.id, None).await
        };
        let removed = removed.await.map(drop);
        removed.map_err(|error| error.during("remove the network", reference))
    }

    /// Removes every network that is [kept](Lifetime::Kept) and has no containers, and returns
    /// those. A network with an owner is removed by that, or by
    /// [`Manager::gc`](crate::Manager::gc).
    pub async fn prune(&self) -> Result<Vec<NetworkInfo>> {
        let pruned = self.remove_unused().await;
        pruned.map_err(|error| error.during("prune the networks of", super::NAME))
    }

    async fn remove_unused(&self) -> Result<Vec<NetworkInfo>> {
        let docker = self.engine.docker().await?;
        let mut removed = Vec::new();
        for network in self.listed().await? {
            if network.lifetime != Lifetime::Kept || self.has_containers(&network.on_daemon).await? {
                continue;
            }
            if owned::remove(docker, Kind::Network, &network.on_daemon, &network.id, None).await? {
                removed.push(network);
            }
        }
        Ok(removed)
    }

    /// Whether a container is on the network; it need not run.
    async fn has_containers(&self, network: &str) -> Result<bool> {
        use engine_api::containers::{ContainerFilters, ListContainers};
        let options = ListContainers {
            all: true,
            filters: ContainerFilters {
                network: [network].into(),
                ..ContainerFilters::default()
            },
            ..ListContainers::default()
        };
        let listed = self.engine.docker().await?.containers().list(options).await;
        Ok(!listed.map_err(to_error)?.is_empty())
    }
}

impl CreatedNetwork {
    /// The facts about the network.
    pub fn info(&self) -> &NetworkInfo {
        &self.info
    }

    /// The name on the daemon, by which environments join it:
    /// [`NetworkMode::Named`](crate::NetworkMode::Named).
    pub fn on_daemon(&self) -> &str {
        &self.info.on_daemon
    }

    /// Why the network has no addresses of
    /// [`network_subnet`](super::DockerSettings::network_subnet), if that is so.
    pub fn outside_preference(&self) -> Option<&str> {
        self.outside_preference.as_deref()
    }

    /// Removes it, whatever its lifetime is.
    pub async fn remove(self) -> Result<()> {
        let removed = self.entered.owned.remove().await;
        removed.map_err(|error| error.during("remove the network", &self.info.name))
    }
}

impl Named for NetworkInfo {
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

/// The network; `None` if it is not one of [`Networks`].
fn info(network: &Network) -> Option<NetworkInfo> {
    let label = |key: &str| network.labels.get(key).cloned();
    let mut containers: Vec<_> = network.containers.values().map(|one| one.name.clone()).collect();
    containers.sort();
    Some(NetworkInfo {
        id: label(labels::RESOURCE)?,
        name: label(labels::NAME)?,
        on_daemon: network.name.clone(),
        subnets: network
            .ipam
            .config
            .iter()
            .map(|config| config.subnet.clone())
            .collect(),
        internal: network.internal,
        ipv6: network.enable_ipv6,
        lifetime: labels::lifetime(&network.labels),
        labels: labels::of_user(&network.labels),
        containers,
    })
}
