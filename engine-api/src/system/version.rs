//! The version of an engine and its components.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::System;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static VERSION: Operation<Json<EngineVersion>> = Operation::get("SystemVersion", "/version");

impl System<'_> {
    /// Returns the versions of the engine and its components.
    pub async fn version(&self) -> Result<EngineVersion> {
        self.docker.call(&VERSION).send().await
    }
}

/// The versions of an engine and its parts. Definition `SystemVersion`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct EngineVersion {
    /// The product that contains the engine.
    pub platform: EnginePlatform,
    /// Its components: the engine itself, containerd, runc …
    pub components: Vec<Component>,
    /// The version of the engine: `28.5.2`.
    pub version: String,
    /// The newest API version that it supports: `1.51`.
    pub api_version: String,
    /// The oldest API version that it supports.
    #[serde(rename = "MinAPIVersion")]
    pub min_api_version: String,
    /// The commit it was built from.
    pub git_commit: String,
    /// The version of Go it was built with.
    pub go_version: String,
    /// The operating system it runs on: `linux`, `windows`.
    pub os: String,
    /// The processor architecture it was built for: `amd64`, `arm64` …
    pub arch: String,
    /// The version of the kernel it runs on.
    pub kernel_version: String,
    /// Whether experimental features are on.
    pub experimental: bool,
    /// Time of the build, usually in RFC 3339.
    pub build_time: String,
}

/// The product that contains an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct EnginePlatform {
    /// Its name: `Docker Engine - Community`.
    pub name: String,
}

/// A component of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Component {
    /// Its name: `containerd`, `Podman Engine`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Details in words.
    pub details: BTreeMap<String, String>,
}
