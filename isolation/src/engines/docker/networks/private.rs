//! The networks of one environment: created before its container, removed after it.

use std::collections::BTreeMap;

use engine_api::Docker;
use engine_api::networks::{CreateNetwork, InspectNetwork, ListNetworks, Network};

use super::allocate::seals;
use super::{Wanted, allocate};
use crate::engine::NewEnvironment;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::owned::{Kind, Owned, completed};
use crate::engines::docker::{DockerEngine, NAME, labels};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};
use crate::spec::network::NetworkSpec;

/// The difference of a daemon whose internal networks reach its machine.
const NOT_SEALED: &str = "the network is internal, but programs on it reach services of the daemon's machine that \
     listen on all addresses; only Docker from version 28 on prevents that";

/// The networks that an environment has created, by their names in its specification.
pub(in crate::engines::docker) type OwnNetworks = BTreeMap<String, Owned>;

/// The name on the daemon of a network of an environment. Only a private network ends with the ID.
pub(in crate::engines::docker) fn own_name(prefix: &str, id: &EnvironmentId, name: &str) -> String {
    format!("{prefix}{id}_{}", labels::readable_part(name))
}

/// Fails if the daemon has a network with this name: some daemons would make a second one.
async fn check_free(docker: &Docker, name: &str) -> Result<()> {
    match docker.networks().inspect(name, InspectNetwork::default()).await {
        // A daemon also takes the beginning of an ID.
        Ok(found) if found.name == name => {
            let text = format!(
                "the daemon has a network with the name {name} already; remove it, or use it as an external one"
            );
            Err(Error::new(ErrorKind::Conflict, text))
        }
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(to_error(error)),
    }
}

/// Gives the networks of an environment the names of its specification again.
pub(in crate::engines::docker) fn with_own_names(spec: &mut NetworkSpec, own: &OwnNetworks) {
    spec.rename_networks(|on_daemon| {
        let found = own.iter().find(|(_, network)| network.name() == on_daemon);
        found.map(|(name, _)| name.clone())
    });
}

impl DockerEngine {
    /// Creates the private network of an environment.
    pub(in crate::engines::docker) async fn create_private_network(
        &self,
        docker: &Docker,
        name: &str,
        new: NewEnvironment<'_>,
    ) -> Result<Owned> {
        let wanted = Wanted {
            subnet: None,
            preference: self.settings().network_subnet,
            ipv6: new.spec.network.ipv6,
            internal: new.spec.network.internal,
        };
        self.create_network(docker, name, new, wanted).await
    }

    /// Creates the other networks of an environment.
    pub(in crate::engines::docker) async fn create_own_networks(
        &self,
        docker: &Docker,
        new: NewEnvironment<'_>,
    ) -> Result<OwnNetworks> {
        let mut networks = OwnNetworks::new();
        for (name, own) in &new.spec.network.own {
            let wanted = Wanted {
                subnet: own.subnet,
                preference: self.settings().network_subnet,
                ipv6: own.ipv6,
                internal: own.internal,
            };
            let on_daemon = match &own.name {
                None => own_name(&self.settings().network_prefix, new.id, name),
                Some(name) => {
                    check_free(docker, name).await?;
                    name.clone()
                }
            };
            let created = self.create_network(docker, &on_daemon, new, wanted).await?;
            networks.insert(name.clone(), created);
        }
        Ok(networks)
    }

    /// The networks of an environment that was created before. Its container need not be on them.
    pub(in crate::engines::docker) async fn find_own_networks(
        &self,
        docker: &Docker,
        id: &EnvironmentId,
        spec: &NetworkSpec,
    ) -> Result<OwnNetworks> {
        let mut networks = OwnNetworks::new();
        if spec.own.is_empty() {
            return Ok(networks);
        }
        let label = format!("{}={id}", labels::ENVIRONMENT);
        let options = ListNetworks {
            label: [label.as_str()].into(),
            ..ListNetworks::default()
        };
        let listed = docker.networks().list(options).await.map_err(to_error)?;
        for (name, own) in &spec.own {
            // The prefix is that of the process that created it.
            let end = own_name("", id, name);
            let is_it = |network: &&Network| match &own.name {
                Some(name) => network.name == *name,
                None => network.name.ends_with(&end),
            };
            if let Some(found) = listed.iter().find(is_it) {
                let owned = Owned::opened(docker, Kind::Network, &found.name, id.as_str());
                networks.insert(name.clone(), owned);
            }
        }
        Ok(networks)
    }

    async fn create_network(
        &self,
        docker: &Docker,
        name: &str,
        new: NewEnvironment<'_>,
        wanted: Wanted,
    ) -> Result<Owned> {
        let journal = new.context.journal();
        let owned = Owned::expecting(docker, Kind::Network, name, new.id.as_str(), journal)?;
        let network = CreateNetwork {
            name: name.to_owned(),
            labels: labels::of(new.id, new.name, new.spec)?.into(),
            ..CreateNetwork::default()
        };
        let client = docker.clone();
        let allocating = async move { allocate(&client, network, wanted).await };
        let (owned, reason) = completed(owned, allocating).await?;
        let subject = Subject::Environment {
            id: new.id.clone(),
            name: new.name.to_owned(),
            engine: NAME.to_owned(),
        };
        if let Some(reason) = reason {
            let unavailable = EventKind::SubnetUnavailable { reason };
            new.context.emit(subject.clone(), unavailable);
        }
        if wanted.internal && !seals(docker).await.map_err(to_error)? {
            let message = NOT_SEALED.to_owned();
            new.context.emit(subject, EventKind::Warning { message });
        }
        Ok(owned)
    }
}
