//! The network that a specification names, and who has which names on it.

use engine_api::Docker;
use engine_api::containers::{ContainerFilters, InspectContainer, ListContainers};
use engine_api::networks::{InspectNetwork, ListNetworks, Network};

use super::info;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::labels;
use crate::engines::docker::owned::Kind;
use crate::engines::docker::resources;
use crate::environment::first::as_word;
use crate::error::{Error, ErrorKind, Result};

/// The network with this name on the daemon, or with this name or ID among those of this program.
///
/// # Errors
///
/// The kind is [`NotFound`](ErrorKind::NotFound) if no network has this name or ID.
pub(in crate::engines::docker) async fn resolve(docker: &Docker, reference: &str) -> Result<Network> {
    let networks = docker.networks();
    match networks.inspect(reference, InspectNetwork::default()).await {
        // A daemon also takes the beginning of an ID, which any word may be.
        Ok(network) if network.name == reference || network.id == reference => return Ok(network),
        Ok(_) => {}
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(to_error(error)),
    }
    let options = ListNetworks {
        label: [labels::RESOURCE].into(),
        ..ListNetworks::default()
    };
    let listed = networks.list(options).await.map_err(to_error)?;
    let ours = listed.iter().filter_map(info).collect();
    let found = resources::find(Kind::Network, ours, reference).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::not_found(format!(
            "the network {reference} does not exist; create it: `isolate network create {}`",
            as_word(reference)
        )),
        _ => error,
    })?;
    let inspected = networks
        .inspect(&found.on_daemon, InspectNetwork::default())
        .await;
    inspected.map_err(to_error)
}

/// Fails if another container than `own` has one of these names on the network: connections to the
/// name would reach one of the two in turn.
pub(in crate::engines::docker) async fn check_aliases(
    docker: &Docker,
    network: &Network,
    aliases: &[String],
    own: &str,
) -> Result<()> {
    if aliases.is_empty() {
        return Ok(());
    }
    let options = ListContainers {
        all: true,
        filters: ContainerFilters {
            network: [network.name.as_str()].into(),
            ..ContainerFilters::default()
        },
        ..ListContainers::default()
    };
    let containers = docker.containers();
    for listed in containers.list(options).await.map_err(to_error)? {
        if listed.plain_name() == own {
            continue;
        }
        let other = match containers.inspect(&listed.id, InspectContainer::default()).await {
            Ok(other) => other,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(to_error(error)),
        };
        let Some(endpoint) = other.network_settings.networks.get(&network.name) else {
            continue;
        };
        let is_taken = |alias: &&String| endpoint.aliases.contains(alias) || other.plain_name() == *alias;
        if let Some(alias) = aliases.iter().find(is_taken) {
            let text = format!(
                "{} has the name {alias} on the network {}; choose another alias",
                other.plain_name(),
                network.name
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
    }
    Ok(())
}
