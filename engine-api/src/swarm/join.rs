//! Making, joining, changing and leaving a swarm.

use std::fmt;

use serde::Serialize;

use super::{ObjectVersion, SwarmSpec};
use crate::auth::masked;
use crate::wire::query::Query;

/// Where managers listen unless said.
const EVERYWHERE: &str = "0.0.0.0:2377";

/// A swarm to make. Body of `SwarmInit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InitSwarm {
    /// Where managers listen: an address or an interface, with a port; port 2377 of all unless said.
    pub listen_addr: String,
    /// The address that other nodes reach this one at; empty finds it out where there is only one.
    pub advertise_addr: String,
    /// The address of traffic between containers; empty is the advertised one.
    pub data_path_addr: String,
    /// The UDP port of traffic between containers, 1024 to 49151; 0 is 4789.
    pub data_path_port: u32,
    /// The address ranges that overlay networks are cut from: `10.10.0.0/16`.
    pub default_addr_pool: Vec<String>,
    /// The prefix length of each network; 0 is 24.
    pub subnet_size: u32,
    /// Whether to make a new swarm out of the state of one that this engine is in.
    pub force_new_cluster: bool,
    /// Whether this node takes tasks; empty is yes. Not in the specification.
    pub availability: crate::nodes::NodeAvailability,
    /// What is set about the swarm; whether managers lock their data, too, in `encryption_config`.
    pub spec: SwarmSpec,
}

impl Default for InitSwarm {
    fn default() -> Self {
        Self {
            listen_addr: EVERYWHERE.into(), // engines refuse an empty one
            advertise_addr: String::new(),
            data_path_addr: String::new(),
            data_path_port: 0,
            default_addr_pool: Vec::new(),
            subnet_size: 0,
            force_new_cluster: false,
            availability: Default::default(),
            spec: SwarmSpec::default(),
        }
    }
}

impl InitSwarm {
    pub(super) fn wrong(&self) -> Option<String> {
        let port = self.data_path_port;
        let strange = port != 0 && !(1024..=49151).contains(&port);
        if strange {
            return Some(format!("data_path_port is {port}, not in 1024 to 49151"));
        }
        listens(&self.listen_addr)
    }
}

fn listens(addr: &str) -> Option<String> {
    addr.is_empty()
        .then(|| "listen_addr is empty; managers must listen somewhere".into())
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
    /// Whether this node takes tasks; empty is yes. Not in the specification.
    pub availability: crate::nodes::NodeAvailability,
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
    pub(super) fn wrong(&self) -> Option<String> {
        if self.remote_addrs.is_empty() {
            return Some("remote_addrs is empty; which manager is to be asked?".into());
        }
        if self.join_token.is_empty() {
            return Some("join_token is empty; a swarm is joined with a token".into());
        }
        listens(&self.listen_addr)
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

/// How to leave a swarm. Query of `SwarmLeave`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaveSwarm {
    /// Whether a manager leaves, too, even if the swarm breaks or ends by it.
    pub force: bool,
}

impl LeaveSwarm {
    pub(super) fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

/// What to make anew while a swarm is updated. Query of `SwarmUpdate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateSwarm {
    /// Whether workers need a new token from now on.
    pub rotate_worker_token: bool,
    /// Whether managers need a new token from now on.
    pub rotate_manager_token: bool,
    /// Whether locked managers need a new key from now on.
    pub rotate_manager_unlock_key: bool,
}

impl UpdateSwarm {
    pub(super) fn query(self, version: ObjectVersion) -> Query {
        Query::new()
            .set("version", version.index)
            .flag("rotateWorkerToken", self.rotate_worker_token)
            .flag("rotateManagerToken", self.rotate_manager_token)
            .flag("rotateManagerUnlockKey", self.rotate_manager_unlock_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn managers_listen_everywhere_unless_said() {
        let text = encode(&InitSwarm::default()).unwrap();
        assert_eq!(text, br#"{"ListenAddr":"0.0.0.0:2377"}"#);
        assert_eq!(InitSwarm::default().wrong(), None);
        let odd = InitSwarm {
            data_path_port: 80,
            ..Default::default()
        };
        assert!(odd.wrong().unwrap().contains("80"));
    }

    #[test]
    fn a_join_says_whom_to_ask_and_hides_its_token() {
        let mut join = JoinSwarm::default();
        assert!(join.wrong().unwrap().contains("remote_addrs"));
        join.remote_addrs = vec!["10.0.0.1:2377".into()];
        assert!(join.wrong().unwrap().contains("join_token"));
        join.join_token = "hunter2".into();
        assert_eq!(join.wrong(), None);
        join.listen_addr.clear();
        assert!(join.wrong().unwrap().contains("listen_addr"));
        assert!(!format!("{join:?} {:?}", join.wrong()).contains("hunter2"));
    }

    #[test]
    fn an_update_always_says_its_version() {
        let none = UpdateSwarm::default().query(ObjectVersion::default());
        assert_eq!(none.as_str(), "version=0");
        let all = UpdateSwarm {
            rotate_worker_token: true,
            rotate_manager_token: true,
            rotate_manager_unlock_key: true,
        };
        assert_eq!(
            all.query(ObjectVersion { index: 7 }).as_str(),
            "version=7&rotateWorkerToken=true&rotateManagerToken=true&rotateManagerUnlockKey=true"
        );
        assert_eq!(LeaveSwarm { force: true }.query().as_str(), "force=true");
    }
}
