//! Create a network.

use serde::{Deserialize, Serialize};

use super::Networks;
use super::inspect::{ConfigReference, NetworkScope};
use super::ipam::Ipam;
use crate::Version;
use crate::common::{DriverOptions, StringMap};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static CREATE: Operation<Json<NetworkCreated>> =
    Operation::post("NetworkCreate", "/networks/create").success(&[201]);

impl Networks<'_> {
    /// Creates a network.
    ///
    /// # Errors
    ///
    /// 409 when the name is in use, 403 when it is the name of a predefined network or the driver
    /// needs a swarm (500 on older engines), 404 when the driver does not exist. The status of
    /// Podman is 500, except for the first case.
    pub async fn create(&self, network: CreateNetwork) -> Result<NetworkCreated> {
        self.docker
            .call(&CREATE)
            .about(&network.name)
            .json(&network)
            .reject_if(network.check())
            .needs(
                network.enable_ipv4 == Some(false),
                "CreateNetwork::enable_ipv4",
                Version::new(1, 48),
            )
            .send()
            .await
    }
}

/// A network to create. Definition `NetworkCreateRequest`, within the operation.
///
/// Only `name` is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateNetwork {
    /// The name.
    pub name: String,
    /// Whether a name in use is an error; on by default. Without it, engines before API 1.44 create
    /// a second network with that name. Later engines always report an error.
    pub check_duplicate: bool,
    /// The driver: `bridge`, `overlay`, `macvlan`, a plugin; empty is `bridge`.
    pub driver: String,
    /// The scope; empty lets the driver choose.
    pub scope: NetworkScope,
    /// Whether the network is internal: without access to external networks.
    pub internal: bool,
    /// Whether containers outside services may join this network of a swarm.
    pub attachable: bool,
    /// Whether it is the ingress network, which carries the traffic to published ports of a swarm.
    pub ingress: bool,
    /// Whether it is only a configuration for other networks. Containers cannot join it.
    pub config_only: bool,
    /// The configuration network whose settings it uses.
    pub config_from: ConfigReference,
    /// The management of its addresses; empty lets the engine choose.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Whether it has IPv4; `None` means yes. Can be switched off since API 1.48.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6; `None` is the engine's default, usually no.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: Option<bool>,
    /// Options for the driver.
    pub options: DriverOptions,
    /// Labels.
    pub labels: StringMap,
}

impl Default for CreateNetwork {
    fn default() -> Self {
        Self {
            name: String::new(),
            check_duplicate: true, // as every engine does by itself since API 1.44
            driver: String::new(),
            scope: NetworkScope::default(),
            internal: false,
            attachable: false,
            ingress: false,
            config_only: false,
            config_from: ConfigReference::default(),
            ipam: Ipam::default(),
            enable_ipv4: None,
            enable_ipv6: None,
            options: DriverOptions::default(),
            labels: StringMap::default(),
        }
    }
}

impl CreateNetwork {
    fn check(&self) -> Option<String> {
        if self.name.trim().is_empty() {
            return Some("the network has no name; set `name`".into());
        }
        let both = self.config_only && !self.config_from.network.is_empty();
        both.then(|| "a configuration network cannot use another configuration; unset one of them".into())
    }
}

/// A new network. Definition `NetworkCreateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkCreated {
    /// The network's id.
    #[serde(alias = "ID")]
    pub id: String,
    /// A warning of the engine; usually empty.
    pub warning: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::IpamConfig;
    use crate::wire::json::encode;

    #[test]
    fn create_sends_only_set_fields() {
        let mut network = CreateNetwork {
            name: "n".into(),
            ..Default::default()
        };
        assert_eq!(
            encode(&network).unwrap(),
            br#"{"Name":"n","CheckDuplicate":true}"#
        );
        network.enable_ipv6 = Some(false);
        network.ipam.config.push(IpamConfig {
            subnet: "10.1.0.0/16".into(),
            ..Default::default()
        });
        assert_eq!(
            encode(&network).unwrap(),
            br#"{"Name":"n","CheckDuplicate":true,"IPAM":{"Config":[{"Subnet":"10.1.0.0/16"}]},"EnableIPv6":false}"#
        );
    }

    #[test]
    fn contradictory_networks_are_rejected() {
        let mut network = CreateNetwork::default();
        assert!(network.check().is_some());
        network.name = "n".into();
        network.config_only = true;
        assert_eq!(network.check(), None);
        network.config_from.network = "other".into();
        assert!(network.check().is_some());
    }
}
