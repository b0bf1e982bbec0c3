//! Inspect a swarm.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Swarm;
use super::spec::SwarmSpec;
use crate::auth::masked;
use crate::common::object_version::ObjectVersion;
use crate::common::tls_info::TlsInfo;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<SwarmDetails>> = Operation::get("SwarmInspect", "/swarm");

impl Swarm<'_> {
    /// Returns the details of the swarm, and the join tokens.
    ///
    /// # Errors
    ///
    /// 503 if this engine is not in a swarm, or not a manager.
    pub async fn inspect(&self) -> Result<SwarmDetails> {
        self.docker.call(&INSPECT).send().await
    }
}

/// A swarm: a [`super::ClusterInfo`] and the join tokens. Definition `Swarm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmDetails {
    /// The swarm's id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the swarm; an update must send it.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// The requested configuration.
    pub spec: SwarmSpec,
    /// The certificates that nodes trust.
    #[serde(rename = "TLSInfo")]
    pub tls_info: TlsInfo,
    /// Whether the root certificate is being replaced.
    pub root_rotation_in_progress: bool,
    /// The UDP port of traffic between containers; 0 is 4789.
    pub data_path_port: u32,
    /// The address pools of overlay networks.
    pub default_addr_pool: Vec<String>,
    /// The prefix length of each network.
    pub subnet_size: u32,
    /// The join tokens.
    pub join_tokens: JoinTokens,
}

/// The join tokens of a swarm. Definition `JoinTokens`. `Debug` does not show them.
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
