//! A swarm, in the replies of its managers.

use serde::{Deserialize, Serialize};

use super::spec::SwarmSpec;
use crate::common::object_version::ObjectVersion;
use crate::common::tls_info::TlsInfo;

/// A swarm, without the tokens to join it. Definition `ClusterInfo`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ClusterInfo {
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
}
