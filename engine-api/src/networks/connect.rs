//! Putting a container into a network, and taking it out.

use serde::{Deserialize, Serialize};

use super::Networks;
use crate::Version;
use crate::containers::EndpointSettings;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static CONNECT: Operation<Empty> = Operation::post("NetworkConnect", "/networks/{id}/connect");

pub(super) static DISCONNECT: Operation<Empty> =
    Operation::post("NetworkDisconnect", "/networks/{id}/disconnect");

impl Networks<'_> {
    /// Puts a container into a network; one that runs is reachable there at once.
    ///
    /// # Errors
    ///
    /// 403 when it is in it already ([`crate::Error::is_forbidden`]), 400 when the network is not one
    /// that containers may join, such as `host`.
    pub async fn connect(&self, id: &str, options: ConnectNetwork) -> Result<()> {
        self.docker
            .call(&CONNECT)
            .at(id)
            .json(&options)
            .reject_if(nobody(&options.container))
            .needs_all(options.newer())
            .send()
            .await
    }

    /// Takes a container out of a network.
    ///
    /// # Errors
    ///
    /// 500 when it is not in it; 404 when there is no such network or, unless forced, container.
    pub async fn disconnect(&self, id: &str, options: DisconnectNetwork) -> Result<()> {
        self.docker
            .call(&DISCONNECT)
            .at(id)
            .json(&options)
            .reject_if(nobody(&options.container))
            .send()
            .await
    }
}

/// Which container joins a network, and how. Definition `NetworkConnectRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConnectNetwork {
    /// The container, by id or name.
    pub container: String,
    /// Names, addresses and options to ask for. Its `mac_address` counts since API 1.54 only.
    pub endpoint_config: EndpointSettings,
}

impl ConnectNetwork {
    /// What older engines ignore without a word (wire fact 112).
    fn newer(&self) -> [(bool, &'static str, Version); 2] {
        let endpoint = &self.endpoint_config;
        [
            (
                endpoint.gw_priority != 0,
                "EndpointSettings::gw_priority",
                Version::new(1, 48),
            ),
            (
                !endpoint.mac_address.is_empty(),
                "EndpointSettings::mac_address of a network to join",
                Version::new(1, 54),
            ),
        ]
    }
}

/// Which container leaves a network. Definition `NetworkDisconnectRequest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DisconnectNetwork {
    /// The container, by id or name.
    pub container: String,
    /// Whether to drop its place even if the engine no longer knows the container.
    pub force: bool,
}

/// What is wrong with naming no container.
fn nobody(container: &str) -> Option<String> {
    let nobody = container.trim().is_empty();
    nobody.then(|| "no container is named; set `container`".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn an_endpoint_is_sent_only_with_what_is_asked_for() {
        let mut options = ConnectNetwork {
            container: "web".into(),
            ..Default::default()
        };
        assert_eq!(encode(&options).unwrap(), br#"{"Container":"web"}"#);
        assert!(options.newer().iter().all(|(asked, ..)| !asked));
        options.endpoint_config.aliases = ["www"].into();
        options.endpoint_config.mac_address = "02:00:00:00:00:01".into();
        assert_eq!(
            encode(&options).unwrap(),
            br#"{"Container":"web","EndpointConfig":{"MacAddress":"02:00:00:00:00:01","Aliases":["www"]}}"#
        );
        assert!(options.newer()[1].0);
        assert!(nobody(" ").is_some() && nobody("web").is_none());
    }
}
