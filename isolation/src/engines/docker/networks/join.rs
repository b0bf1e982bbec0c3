//! Connects containers to networks.

use std::collections::BTreeMap;

use engine_api::containers::EndpointSettings;
use engine_api::networks::{ConnectNetwork, Network};
use engine_api::{Docker, Version};

use super::check_aliases;
use super::resolve::resolve;
use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::to_error;
use crate::error::Result;
use crate::spec::network::NetworkSpec;

/// From this API version on, a network can have a lower priority for the default route.
const PRIORITY: Version = Version::new(1, 48);

/// The settings of a container on networks that it has left, by the IDs of the networks.
pub(in crate::engines::docker) type Left = BTreeMap<String, EndpointSettings>;

/// Connects a new container to the networks that it joins beside its main one. That one keeps the
/// default route, where the daemon knows priorities.
pub(in crate::engines::docker) async fn join(container: &ContainerRef, spec: &NetworkSpec) -> Result<()> {
    for name in &spec.join {
        let network = resolve(&container.docker, name).await?;
        let aliases = spec.aliases_for(name);
        check_aliases(&container.docker, &network, &aliases, container.id()).await?;
        let endpoint = EndpointSettings {
            aliases: aliases.into_iter().collect(),
            gw_priority: lower_priority(&container.docker, container.podman).await?,
            ..EndpointSettings::default()
        };
        connect(&container.docker, &network, container.id(), endpoint)
            .await
            .map_err(to_error)?;
    }
    Ok(())
}

async fn lower_priority(docker: &Docker, podman: bool) -> Result<i64> {
    let version = docker.version().await.map_err(to_error)?;
    Ok(if version >= PRIORITY && !podman { -1 } else { 0 })
}

/// Connects a container to a network.
pub(in crate::engines::docker) async fn connect(
    docker: &Docker,
    network: &Network,
    container: &str,
    endpoint_config: EndpointSettings,
) -> engine_api::Result<()> {
    let options = ConnectNetwork {
        container: container.to_owned(),
        endpoint_config,
    };
    docker.networks().connect(&network.id, options).await
}
