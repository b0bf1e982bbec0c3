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
    /// Where it is on the host.
    pub mountpoint: String,
    /// When it was created, RFC 3339; empty when the driver does not report it.
    pub created_at: String,
    /// Details from the driver. They differ from driver to driver.
    pub status: BTreeMap<String, serde_json::Value>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is on this host alone.
    pub scope: VolumeScope,
    /// About the volume of a cluster, if it is one. Since API 1.42.
    pub cluster_volume: Option<ClusterVolume>,
    /// The driver's options that it was made with.
    pub options: DriverOptions,
    /// How much space it takes; only in the report of disk usage.
    pub usage_data: Option<VolumeUsage>,
}

/// How much space a volume takes, and how many containers use it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeUsage {
    /// Its size in bytes; -1 when not known, as with drivers other than `local`.
    pub size: i64,
    /// How many containers use it; -1 when not known.
    pub ref_count: i64,
}

/// Where a volume exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VolumeScope {
    /// On one host.
    Local,
    /// In the whole cluster.
    Global,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(VolumeScope {
    Local = "local",
    Global = "global",
});
