//! A swarm with what lets nodes in: tokens and keys.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ObjectVersion, SwarmSpec, TlsInfo};
use crate::auth::masked;

/// A swarm as its managers show it: a [`super::ClusterInfo`] and the tokens. Definition `Swarm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmDetails {
    /// The swarm's id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Which state of the swarm this is; an update must say it.
    pub version: ObjectVersion,
    /// When the swarm was made, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// What was asked for.
    pub spec: SwarmSpec,
    /// The certificates that nodes trust.
    #[serde(rename = "TLSInfo")]
    pub tls_info: TlsInfo,
    /// Whether the root certificate is being replaced.
    pub root_rotation_in_progress: bool,
    /// The UDP port of traffic between containers; 0 is 4789.
    pub data_path_port: u32,
    /// The address ranges that overlay networks are cut from.
    pub default_addr_pool: Vec<String>,
    /// The prefix length of each network.
    pub subnet_size: u32,
    /// What nodes join with.
    pub join_tokens: JoinTokens,
}

/// What nodes join a swarm with. Definition `JoinTokens`. `Debug` shows neither.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct JoinTokens {
    /// The token that makes a node a worker.
    pub worker: String,
    /// The token that makes a node a manager.
    pub manager: String,
}

impl fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinTokens")
            .field("worker", &masked(&self.worker))
            .field("manager", &masked(&self.manager))
            .finish()
    }
}

/// The key that unlocks managers. Reply of `SwarmUnlockkey`, body of `SwarmUnlock`. `Debug` does not
/// show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UnlockKey {
    /// The key, `SWMKEY-1-…`; empty when managers do not lock themselves.
    pub unlock_key: String,
}

impl fmt::Debug for UnlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnlockKey")
            .field("unlock_key", &masked(&self.unlock_key))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn neither_tokens_nor_keys_are_shown() {
        let swarm: SwarmDetails = decode(
            br#"{"ID":"a","DefaultAddrPool":null,"JoinTokens":{"Worker":"hunter2","Manager":"hunter2"}}"#,
        )
        .unwrap();
        let key: UnlockKey = decode(br#"{"UnlockKey":"hunter2"}"#).unwrap();
        assert_eq!(
            (&*swarm.join_tokens.worker, &*key.unlock_key),
            ("hunter2", "hunter2")
        );
        let shown = format!("{swarm:?} {key:?}");
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
    }
}
