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
    /// Joins a swarm: as a worker or as a manager, which the token decides.
    ///
    /// # Errors
    ///
    /// 503 when the engine is in a swarm already. A manager that does not answer is waited for; the
    /// engine gives up after 20 seconds and goes on trying by itself.
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
    /// Where this node listens if it is a manager; port 2377 of all addresses unless said.
    pub listen_addr: String,
    /// The address that other nodes reach this one at; empty finds it out where there is only one.
    pub advertise_addr: String,
    /// The address of traffic between containers; empty is the advertised one.
    pub data_path_addr: String,
    /// Managers of the swarm, address and port.
    pub remote_addrs: Vec<String>,
    /// The token of workers or of managers.
    pub join_token: String,
    /// Whether this node takes tasks; empty is yes. Not in the API description.
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
            return Some("remote_addrs is empty; which manager is to be asked?".into());
        }
        if self.join_token.is_empty() {
            return Some("join_token is empty; a swarm is joined with a token".into());
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
