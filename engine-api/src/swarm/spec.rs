//! The specification of a swarm.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::common::DriverOptions;
use crate::wire::json::open_enum;

/// The specification of a swarm. Definition `SwarmSpec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SwarmSpec {
    /// The swarm's name: `default`.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The retention of tasks.
    pub orchestration: Orchestration,
    /// The consensus protocol of managers (Raft).
    pub raft: Raft,
    /// The heartbeats of nodes.
    pub dispatcher: Dispatcher,
    /// The certificate authority of the swarm.
    #[serde(rename = "CAConfig")]
    pub ca_config: CaConfig,
    /// The encryption of the managers' data.
    pub encryption_config: EncryptionConfig,
    /// Defaults for tasks.
    pub task_defaults: TaskDefaults,
}

/// The retention of tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Orchestration {
    /// The number of old tasks that are kept for each instance or node; negative for all.
    pub task_history_retention_limit: Option<i64>,
}

/// The consensus protocol of managers (Raft).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Raft {
    /// The number of log entries between two snapshots.
    pub snapshot_interval: u64,
    /// The number of snapshots that are kept in addition to the newest.
    pub keep_old_snapshots: Option<u64>,
    /// The number of log entries that are kept for slow managers after a snapshot.
    pub log_entries_for_slow_followers: u64,
    /// The number of ticks without a message after which an election starts; more than
    /// `heartbeat_tick`. A tick is a second.
    pub election_tick: i64,
    /// The number of ticks between two heartbeats.
    pub heartbeat_tick: i64,
}

/// The heartbeats of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Dispatcher {
    /// Nanoseconds between two heartbeats of a node.
    pub heartbeat_period: i64,
}

/// The certificate authority of the swarm. `Debug` does not show the key.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CaConfig {
    /// The validity of a node's certificate, in nanoseconds.
    pub node_cert_expiry: i64,
    /// External certificate authorities, in addition to the managers.
    #[serde(rename = "ExternalCAs")]
    pub external_cas: Vec<ExternalCa>,
    /// The certificate that signs nodes' certificates, PEM; empty creates one.
    #[serde(rename = "SigningCACert")]
    pub signing_ca_cert: String,
    /// Its key, PEM.
    #[serde(rename = "SigningCAKey")]
    pub signing_ca_key: String,
    /// A number whose change makes the managers replace certificate and key.
    pub force_rotate: u64,
}

impl fmt::Debug for CaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.signing_ca_key.is_empty() { "" } else { "***" };
        f.debug_struct("CaConfig")
            .field("node_cert_expiry", &self.node_cert_expiry)
            .field("external_cas", &self.external_cas)
            .field("signing_ca_cert", &self.signing_ca_cert)
            .field("signing_ca_key", &key)
            .field("force_rotate", &self.force_rotate)
            .finish()
    }
}

/// An external certificate authority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExternalCa {
    /// Its protocol.
    pub protocol: ExternalCaProtocol,
    /// Its URL.
    #[serde(rename = "URL")]
    pub url: String,
    /// Options of the protocol.
    pub options: DriverOptions,
    /// Its root certificate, PEM; empty for the swarm's.
    #[serde(rename = "CACert")]
    pub ca_cert: String,
}

/// The protocol of an external certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExternalCaProtocol {
    /// CloudFlare's CFSSL.
    Cfssl,
    /// A value that this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(ExternalCaProtocol { Cfssl = "cfssl" });

/// The encryption of the managers' data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EncryptionConfig {
    /// Whether a restarted manager is locked until it gets the key.
    pub auto_lock_managers: bool,
}

/// Defaults for tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskDefaults {
    /// The logging driver; `None` is the engine's.
    pub log_driver: Option<Driver>,
}

/// A driver and its options: of logs, networks, secrets. Definition `Driver`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Driver {
    /// Its name.
    pub name: String,
    /// Its options.
    pub options: DriverOptions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_signing_key() {
        let config = CaConfig {
            signing_ca_key: "hunter2".into(),
            ..Default::default()
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
