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
    /// 409 when the name is taken, 403 when it is that of a predefined network or the driver needs
    /// a swarm (500 on older engines), 404 when there is no such driver. Podman answers 500 for all
    /// but the first.
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
/// Only `name` is needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateNetwork {
    /// The name.
    pub name: String,
    /// Whether a name that is taken is refused; on by default. Engines before API 1.44 make a
    /// second network of that name without it, later ones always refuse.
    pub check_duplicate: bool,
    /// The driver: `bridge`, `overlay`, `macvlan`, a plugin; empty is `bridge`.
    pub driver: String,
    /// Its scope; empty lets the driver decide.
    pub scope: NetworkScope,
    /// Whether nothing outside of it can be reached.
    pub internal: bool,
    /// Whether containers that belong to no service may join a network of the whole swarm.
    pub attachable: bool,
    /// Whether it is the one through which a swarm's published ports are reached.
    pub ingress: bool,
    /// Whether it is only a configuration for other networks, which no container joins.
    pub config_only: bool,
    /// The network of configuration to take all from.
    pub config_from: ConfigReference,
    /// Where its addresses come from; empty lets the engine choose.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Whether it has IPv4; `None` is yes. Can be switched off since API 1.48.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6; `None` is the engine's default, mostly no.
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
        both.then(|| "a network of configuration cannot take its own from another; unset one".into())
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
    /// A warning of the engine; mostly empty.
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
