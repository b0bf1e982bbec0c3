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
    /// How tasks are kept.
    pub orchestration: Orchestration,
    /// How managers reach a consensus (Raft).
    pub raft: Raft,
    /// How managers and nodes keep in touch.
    pub dispatcher: Dispatcher,
    /// How certificates are made.
    #[serde(rename = "CAConfig")]
    pub ca_config: CaConfig,
    /// How the managers' data is encrypted.
    pub encryption_config: EncryptionConfig,
    /// Defaults for tasks whose service sets nothing else.
    pub task_defaults: TaskDefaults,
}

/// How tasks are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Orchestration {
    /// How many old tasks are kept for each instance or node; negative for all.
    pub task_history_retention_limit: Option<i64>,
}

/// How managers reach a consensus (Raft).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Raft {
    /// How many log entries lie between two snapshots.
    pub snapshot_interval: u64,
    /// How many snapshots are kept besides the newest.
    pub keep_old_snapshots: Option<u64>,
    /// How many log entries are kept for slow managers after a snapshot.
    pub log_entries_for_slow_followers: u64,
    /// How many ticks of silence start an election; more than `heartbeat_tick`. A tick is a second.
    pub election_tick: i64,
    /// How many ticks lie between two heartbeats.
    pub heartbeat_tick: i64,
}

/// How managers and nodes keep in touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Dispatcher {
    /// Nanoseconds between two heartbeats of a node.
    pub heartbeat_period: i64,
}

/// How certificates are made. `Debug` does not show the key.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CaConfig {
    /// For how many nanoseconds a node's certificate is good.
    pub node_cert_expiry: i64,
    /// Who signs certificates besides the managers.
    #[serde(rename = "ExternalCAs")]
    pub external_cas: Vec<ExternalCa>,
    /// The certificate to sign nodes' certificates with, PEM; empty to make one.
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

/// Someone who signs certificates besides the managers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExternalCa {
    /// How it is asked.
    pub protocol: ExternalCaProtocol,
    /// Where it is asked.
    #[serde(rename = "URL")]
    pub url: String,
    /// Options of the protocol.
    pub options: DriverOptions,
    /// Its root certificate, PEM; empty for the swarm's.
    #[serde(rename = "CACert")]
    pub ca_cert: String,
}

/// How an external signer is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExternalCaProtocol {
    /// As CloudFlare's CFSSL.
    Cfssl,
    /// A word this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(ExternalCaProtocol { Cfssl = "cfssl" });

/// How the managers' data is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EncryptionConfig {
    /// Whether a manager that restarts waits for a key.
    pub auto_lock_managers: bool,
}

/// Defaults for tasks whose service sets nothing else.
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
