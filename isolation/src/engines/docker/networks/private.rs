//! The network of one environment: created before its container, removed after it.

use engine_api::Docker;
use engine_api::networks::CreateNetwork;

use super::{Wanted, allocate};
use crate::engine::NewEnvironment;
use crate::engines::docker::owned::{Kind, Owned, completed};
use crate::engines::docker::{DockerEngine, NAME, labels};
use crate::error::Result;
use crate::events::{EventKind, Subject};

impl DockerEngine {
    /// Creates the network of an environment.
    pub(in crate::engines::docker) async fn create_private_network(
        &self,
        docker: &Docker,
        name: &str,
        new: NewEnvironment<'_>,
    ) -> Result<Owned> {
        let journal = new.context.journal();
        let owned = Owned::expecting(docker, Kind::Network, name, new.id.as_str(), journal)?;
        let network = CreateNetwork {
            name: name.to_owned(),
            labels: labels::of(new.id, new.name, new.spec)?.into(),
            ..CreateNetwork::default()
        };
        let wanted = Wanted {
            subnet: None,
            preference: self.settings().network_subnet,
            ipv6: new.spec.network.ipv6,
            internal: new.spec.network.internal,
        };
        let docker = docker.clone();
        let allocating = async move { allocate(&docker, network, wanted).await };
        let (owned, reason) = completed(owned, allocating).await?;
        if let Some(reason) = reason {
            let subject = Subject::Environment {
                id: new.id.clone(),
                name: new.name.to_owned(),
                engine: NAME.to_owned(),
            };
            new.context.emit(subject, EventKind::SubnetUnavailable { reason });
        }
        Ok(owned)
    }
}
