//! Join a swarm.

use std::fmt;

use serde::Serialize;

use super::Swarm;
use super::init::{EVERYWHERE, check_listen_addr};
use crate::auth::masked;
use crate::common::node_availability::NodeAvailability;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static JOIN: Operation<Empty> = Operation::post("SwarmJoin", "/swarm/join");

impl Swarm<'_> {
    /// Joins a swarm. The token decides whether the node is a worker or a manager.
    ///
    /// # Errors
    ///
    /// 503 when the engine is already in a swarm. If no manager replies within 20 seconds, the
    /// engine reports an error, and continues to try in the background.
    pub async fn join(&self, swarm: JoinSwarm) -> Result<()> {
        self.docker
            .call(&JOIN)
            .json(&swarm)
            .reject_if(swarm.check())
            .send()
            .await
    }
}

/// A swarm to join. Body of `SwarmJoin`. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinSwarm {
    /// The address on which this node listens if it is a manager. The default is port 2377 of all
    /// addresses.
    pub listen_addr: String,
    /// The advertised address of this node for other nodes; empty detects it if there is only one.
    pub advertise_addr: String,
    /// The address of traffic between containers; empty is the advertised one.
    pub data_path_addr: String,
    /// Managers of the swarm, address and port.
    pub remote_addrs: Vec<String>,
    /// The token of workers or of managers.
    pub join_token: String,
    /// Whether this node accepts tasks; empty is yes. Not in the API description.
    pub availability: NodeAvailability,
}

impl Default for JoinSwarm {
    fn default() -> Self {
        Self {
            listen_addr: EVERYWHERE.into(),
            advertise_addr: String::new(),
            data_path_addr: String::new(),
            remote_addrs: Vec::new(),
            join_token: String::new(),
            availability: Default::default(),
        }
    }
}

impl JoinSwarm {
    fn check(&self) -> Option<String> {
        if self.remote_addrs.is_empty() {
            return Some("remote_addrs is empty; write the address of a manager".into());
        }
        if self.join_token.is_empty() {
            return Some("join_token is empty; set the token of workers or managers".into());
        }
        check_listen_addr(&self.listen_addr)
    }
}

impl fmt::Debug for JoinSwarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSwarm")
            .field("listen_addr", &self.listen_addr)
            .field("advertise_addr", &self.advertise_addr)
            .field("data_path_addr", &self.data_path_addr)
            .field("remote_addrs", &self.remote_addrs)
            .field("join_token", &masked(&self.join_token))
            .field("availability", &self.availability)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_needs_managers_and_hides_its_token() {
        let mut join = JoinSwarm::default();
        assert!(join.check().unwrap().contains("remote_addrs"));
        join.remote_addrs = vec!["10.0.0.1:2377".into()];
        assert!(join.check().unwrap().contains("join_token"));
        join.join_token = "hunter2".into();
        assert_eq!(join.check(), None);
        join.listen_addr.clear();
        assert!(join.check().unwrap().contains("listen_addr"));
        assert!(!format!("{join:?} {:?}", join.check()).contains("hunter2"));
    }
}
