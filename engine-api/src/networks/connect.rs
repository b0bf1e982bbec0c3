//! Connect a container to a network, and disconnect it.

use serde::{Deserialize, Serialize};

use super::Networks;
use crate::Version;
use crate::containers::EndpointSettings;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::requirement::Requirement;

pub(super) static CONNECT: Operation<Empty> = Operation::post("NetworkConnect", "/networks/{id}/connect");

pub(super) static DISCONNECT: Operation<Empty> =
    Operation::post("NetworkDisconnect", "/networks/{id}/disconnect");

impl Networks<'_> {
    /// Connects a container to a network; a running container is reachable there at once.
    ///
    /// # Errors
    ///
    /// 403 when it is already connected ([`crate::Error::is_forbidden`]), 400 when containers
    /// cannot join the network, such as `host`.
    pub async fn connect(&self, id: &str, options: ConnectNetwork) -> Result<()> {
        self.docker
            .call(&CONNECT)
            .at(id)
            .json(&options)
            .reject_if(check_container(&options.container))
            .requires(options.requires())
            .send()
            .await
    }

    /// Disconnects a container from a network.
    ///
    /// # Errors
    ///
    /// 500 when it is not connected; 404 when the network does not exist, or the container does not
    /// exist and `force` is not set.
    pub async fn disconnect(&self, id: &str, options: DisconnectNetwork) -> Result<()> {
        self.docker
            .call(&DISCONNECT)
            .at(id)
            .json(&options)
            .reject_if(check_container(&options.container))
            .send()
            .await
    }
}

/// The container that joins a network, and its endpoint. Definition `NetworkConnectRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConnectNetwork {
    /// The container, by id or name.
    pub container: String,
    /// Requested names, addresses and options. `mac_address` has an effect since API 1.54.
    pub endpoint_config: EndpointSettings,
}

impl ConnectNetwork {
    fn requires(&self) -> impl Iterator<Item = Requirement> {
        let endpoint = &self.endpoint_config;
        let priority = endpoint.gw_priority != 0;
        let mac_address = !endpoint.mac_address.is_empty();
        let joining = "EndpointSettings::mac_address of a network to join";
        [
            Requirement::since(priority, "EndpointSettings::gw_priority", Version::new(1, 48)),
            Requirement::since(mac_address, joining, Version::new(1, 54)),
        ]
        .into_iter()
        .flatten()
    }
}

/// The container that leaves a network. Definition `NetworkDisconnectRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DisconnectNetwork {
    /// The container, by id or name.
    pub container: String,
    /// Whether to remove its endpoint even if the engine no longer knows the container.
    pub force: bool,
}

/// The error for a missing container.
fn check_container(container: &str) -> Option<String> {
    let missing = container.trim().is_empty();
    missing.then(|| "the container is missing; set `container`".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn connect_sends_only_set_fields() {
        let mut options = ConnectNetwork {
            container: "web".into(),
            ..Default::default()
        };
        assert_eq!(encode(&options).unwrap(), br#"{"Container":"web"}"#);
        assert_eq!(options.requires().count(), 0);
        options.endpoint_config.aliases = ["www"].into();
        options.endpoint_config.mac_address = "02:00:00:00:00:01".into();
        assert_eq!(
            encode(&options).unwrap(),
            br#"{"Container":"web","EndpointConfig":{"MacAddress":"02:00:00:00:00:01","Aliases":["www"]}}"#
        );
        let required = options.requires().map(|requirement| requirement.what);
        assert!(required.eq(["EndpointSettings::mac_address of a network to join"]));
        assert!(check_container(" ").is_some() && check_container("web").is_none());
    }
}
