//! Inspect a volume.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Volumes;
use super::cluster::ClusterVolume;
use crate::common::DriverOptions;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Volume>> = Operation::get("VolumeInspect", "/volumes/{name}");

impl Volumes<'_> {
    /// Returns the details of a volume.
    pub async fn inspect(&self, name: &str) -> Result<Volume> {
        self.docker.call(&INSPECT).at(name).send().await
    }
}

/// A volume. Definition `Volume`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Volume {
    /// The name.
    pub name: String,
    /// The driver that stores it: `local`.
    pub driver: String,
    /// Its directory on the host.
    pub mountpoint: String,
    /// Time of creation, in RFC 3339; empty when the driver does not report it. For a volume of a
    /// cluster, it has the format of Go, `2026-01-02 03:04:05.6 +0000 UTC`; see
    /// [`ClusterVolume::created_at`](super::ClusterVolume::created_at).
    pub created_at: String,
    /// Details from the driver; they depend on the driver.
    pub status: BTreeMap<String, serde_json::Value>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its scope: this host, or the cluster.
    pub scope: VolumeScope,
    /// Details of a cluster volume. Since API 1.42.
    pub cluster_volume: Option<ClusterVolume>,
    /// The options of the driver.
    pub options: DriverOptions,
    /// Its usage; only in the report of disk usage.
    pub usage_data: Option<VolumeUsage>,
}

/// The size of a volume, and the number of containers that use it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeUsage {
    /// Its size in bytes; -1 if it is unknown, as for drivers other than `local`.
    pub size: i64,
    /// Number of containers that use it; -1 if it is unknown.
    pub ref_count: i64,
}

/// The scope of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VolumeScope {
    /// On one host.
    Local,
    /// In the whole cluster.
    Global,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(VolumeScope {
    Local = "local",
    Global = "global",
});
