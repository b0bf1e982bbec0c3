//! Inspect a network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Networks;
use super::ipam::{Ipam, NetworkStatus};
use super::services::{NetworkPeer, NetworkService};
use crate::common::DriverOptions;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static INSPECT: Operation<Json<Network>> = Operation::get("NetworkInspect", "/networks/{id}");

impl Networks<'_> {
    /// Returns the details of a network.
    pub async fn inspect(&self, id: &str, options: InspectNetwork) -> Result<Network> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// Options of inspecting a network. Query of `NetworkInspect`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectNetwork {
    /// Whether to include the services and the nodes that use it.
    pub verbose: bool,
    /// The scope, for a name that exists in several scopes; empty for any.
    pub scope: NetworkScope,
}

impl InspectNetwork {
    fn query(&self) -> Query {
        Query::new()
            .flag("verbose", self.verbose)
            .text("scope", self.scope.as_ref())
    }
}

/// A network. Definitions `Network`, `NetworkSummary` and `NetworkInspect`.
///
/// Lists leave `containers`, `services` and `status` empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Network {
    /// The name.
    pub name: String,
    /// The id, 64 hexadecimal digits; in a swarm 25 letters and digits.
    #[serde(alias = "ID")]
    pub id: String,
    /// Time of creation, in RFC 3339.
    pub created: String,
    /// Its scope.
    pub scope: NetworkScope,
    /// The driver: `bridge`, `host`, `null`, `overlay` …
    pub driver: String,
    /// Whether it has IPv4; `None` before API 1.48, when every network has IPv4.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// The management of its addresses.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Whether the network is internal: without access to external networks.
    pub internal: bool,
    /// Whether containers outside services may join this network of a swarm.
    pub attachable: bool,
    /// Whether it is the ingress network, which carries the traffic to published ports of a swarm.
    pub ingress: bool,
    /// The configuration network whose settings it uses.
    pub config_from: ConfigReference,
    /// Whether it is only a configuration for other networks.
    pub config_only: bool,
    /// The endpoints of containers, by the container's ID; `lb-…` and `ep-…` belong to the swarm
    /// itself.
    pub containers: BTreeMap<String, NetworkEndpoint>,
    /// The options of the driver.
    pub options: DriverOptions,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The nodes of an overlay network.
    pub peers: Vec<NetworkPeer>,
    /// The services that use it, by name; only in a swarm, and only with `verbose`.
    pub services: BTreeMap<String, NetworkService>,
    /// The usage of its addresses. Since API 1.52.
    pub status: Option<NetworkStatus>,
}

/// The endpoint of a container in the details of a network. Definition `EndpointResource`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworkEndpoint {
    /// The container's name.
    pub name: String,
    /// ID of the endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// The MAC address.
    pub mac_address: String,
    /// The IPv4 address with its prefix length: `172.19.0.2/16`.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// The IPv6 address with its prefix length.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}

/// A reference to a configuration network. Definition `ConfigReference`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigReference {
    /// Its name, not its ID; empty for no reference.
    pub network: String,
}

/// The scope of a network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NetworkScope {
    /// On one host.
    Local,
    /// On all hosts that share an address store.
    Global,
    /// In the swarm.
    Swarm,
    /// A value that this crate does not know; empty for any scope.
    Other(String),
}

open_enum!(NetworkScope {
    Local = "local",
    Global = "global",
    Swarm = "swarm",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn inspect_sends_only_set_parameters() {
        assert_eq!(InspectNetwork::default().query(), Query::new());
        let inspect = InspectNetwork {
            verbose: true,
            scope: NetworkScope::Swarm,
        };
        assert_eq!(inspect.query().as_str(), "verbose=true&scope=swarm");
    }

    #[test]
    fn swarm_network_has_services_and_status() {
        let network = br#"{"Name":"n","Id":"1","Scope":"swarm","EnableIPv4":false,"Options":null,
            "IPAM":{"Driver":"default","Options":null,"Config":null},"ConfigFrom":{"Network":""},
            "Peers":[{"Name":"p","IP":"10.0.0.1"}],
            "Services":{"web":{"VIP":"10.0.1.2","Ports":null,"LocalLBIndex":257,
                "Tasks":[{"Name":"web.1","EndpointID":"e","EndpointIP":"10.0.1.3","Info":{"Host IP":"10.0.0.1"}}]}},
            "Status":{"IPAM":{"Subnets":{"10.0.1.0/24":{"IPsInUse":3,"DynamicIPsAvailable":18446744073709551615}}}}}"#;
        let network: Network = decode(network).unwrap();
        assert_eq!(
            (network.scope, network.enable_ipv4),
            (NetworkScope::Swarm, Some(false))
        );
        assert_eq!(network.peers[0].ip, "10.0.0.1");
        let web = &network.services["web"];
        assert_eq!((web.vip.as_str(), web.local_lb_index), ("10.0.1.2", 257));
        assert_eq!(web.tasks[0].info["Host IP"], "10.0.0.1");
        let subnet = &network.status.unwrap().ipam.subnets["10.0.1.0/24"];
        assert_eq!((subnet.ips_in_use, subnet.dynamic_ips_available), (3, u64::MAX));
    }
}
