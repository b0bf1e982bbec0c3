//! The networks of a container that exists: connect, disconnect, look.

use engine_api::containers::{Container, EndpointIpamConfig, EndpointSettings};
use engine_api::networks::{DisconnectNetwork, Network};

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::labels;
use super::networks::{check_aliases, join, resolve};
use crate::BoxFuture;
use crate::engine::instance::Networking;
use crate::environment::id::EnvironmentId;
use crate::environment::joined_network::JoinedNetwork;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::network::{WITHOUT_NAMES, check_alias};

/// How many digits of a container's ID some daemons add to its aliases.
const SHORT_ID: usize = 12;

/// The aliases of an endpoint that somebody has given to it.
fn aliases<'a>(container: &'a Container, endpoint: &'a EndpointSettings) -> impl Iterator<Item = &'a String> {
    let by_daemon =
        move |alias: &str| container.id.get(..SHORT_ID) == Some(alias) || container.plain_name() == alias;
    endpoint.aliases.iter().filter(move |alias| !by_daemon(alias))
}

/// The networks of a container, by name.
pub(super) fn joined(container: &Container) -> Vec<JoinedNetwork> {
    let networks = container.network_settings.networks.iter();
    let joined = networks.map(|(name, endpoint)| {
        let addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address];
        JoinedNetwork {
            addresses: addresses.iter().filter_map(|text| text.parse().ok()).collect(),
            gateway: endpoint.gateway.parse().ok(),
            aliases: aliases(container, endpoint).cloned().collect(),
            ..JoinedNetwork::new(name.as_str())
        }
    });
    joined.collect()
}

impl DockerInstance {
    async fn network_facts(&self) -> Result<Container> {
        match self.container.inspect().await {
            Ok(container) => Ok(container),
            Err(error) if error.is_not_found() => Err(Error::lost()),
            Err(error) => Err(to_error(error)),
        }
    }

    async fn connect_network(&self, name: &str, own: &[String]) -> Result<()> {
        let docker = &self.container.docker;
        let network = resolve(docker, name).await?;
        let container = self.network_facts().await?;
        if container.network_settings.networks.contains_key(&network.name) {
            let text = format!(
                "{} is on this network already; disconnect it first to change its aliases",
                self.container.id()
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let before = self.left().get(&network.id).cloned();
        let is_new = before.is_none() && own.is_empty();
        let mut endpoint = before.unwrap_or_else(|| EndpointSettings {
            aliases: self.spec_aliases(&network.name).into_iter().collect(),
            ..EndpointSettings::default()
        });
        if !own.is_empty() {
            endpoint.aliases = own.iter().cloned().collect();
        }
        check_aliases(docker, &network, &endpoint.aliases, self.container.id()).await?;
        if is_new {
            let name = self.name_on(&network, &container).await?;
            endpoint.aliases.extend(name);
        }
        let connected = join::connect(docker, &network, self.container.id(), endpoint.clone()).await;
        let connected = match (connected, endpoint.ipam_config.take()) {
            // Another container has its address now, or the daemon has chosen the subnet: then
            // addresses cannot be chosen.
            (Err(error), Some(_)) if matches!(error.status(), Some(400 | 403 | 409 | 500)) => {
                join::connect(docker, &network, self.container.id(), endpoint).await
            }
            (connected, _) => connected,
        };
        connected.map_err(to_error)?;
        self.left().remove(&network.id);
        Ok(())
    }

    /// The name of the environment, if it can be one on the network.
    async fn name_on(&self, network: &Network, container: &Container) -> Result<Option<String>> {
        let label = |key: &str| container.config.labels.get(key).cloned();
        let id = label(labels::ENVIRONMENT).and_then(|id| id.parse::<EnvironmentId>().ok());
        let (Some(id), Some(name)) = (id, label(labels::NAME)) else {
            return Ok(None);
        };
        let name = labels::current_name(container.plain_name(), &self.prefix, &id, name);
        if check_alias(&name).is_err() || WITHOUT_NAMES.contains(&network.name.as_str()) {
            return Ok(None);
        }
        let docker = &self.container.docker;
        match check_aliases(docker, network, std::slice::from_ref(&name), self.container.id()).await {
            Ok(()) => Ok(Some(name)),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn disconnect_network(&self, name: &str) -> Result<()> {
        let docker = &self.container.docker;
        let network = resolve(docker, name).await?;
        let container = self.network_facts().await?;
        let Some(endpoint) = container.network_settings.networks.get(&network.name) else {
            let text = format!(
                "{} is not on this network; Environment::networks and `isolate --json network ls` show on which \
                 it is",
                self.container.id()
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        };
        let address = EndpointIpamConfig {
            ipv4_address: endpoint.ip_address.clone(),
            ipv6_address: endpoint.global_ipv6_address.clone(),
            ..EndpointIpamConfig::default()
        };
        let kept = EndpointSettings {
            aliases: aliases(&container, endpoint).cloned().collect(),
            ipam_config: (!endpoint.ip_address.is_empty()).then_some(address),
            gw_priority: endpoint.gw_priority,
            links: endpoint.links.clone(),
            driver_opts: endpoint.driver_opts.clone(),
            ..EndpointSettings::default()
        };
        let options = DisconnectNetwork {
            container: self.container.id().to_owned(),
            force: false,
        };
        let disconnected = docker.networks().disconnect(&network.id, options).await;
        disconnected.map_err(to_error)?;
        self.left().insert(network.id, kept);
        Ok(())
    }

    async fn joined_networks(&self) -> Result<Vec<JoinedNetwork>> {
        Ok(joined(&self.network_facts().await?))
    }
}

impl Networking for DockerInstance {
    fn connect<'a>(&'a self, network: &'a str, aliases: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.connect_network(network, aliases))
    }

    fn disconnect<'a>(&'a self, network: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.disconnect_network(network))
    }

    fn joined(&self) -> BoxFuture<'_, Result<Vec<JoinedNetwork>>> {
        Box::pin(self.joined_networks())
    }
}
