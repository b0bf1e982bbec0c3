//! Content and platforms, as the Open Container Initiative describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A pointer to content in a registry or a content store. Definition `OCIDescriptor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct OciDescriptor {
    /// The media type of the content.
    pub media_type: String,
    /// The digest of the content, `sha256:…`.
    pub digest: String,
    /// The size of the content in bytes.
    pub size: i64,
    /// Where else the content can be downloaded.
    pub urls: Vec<String>,
    /// Free notes about the content.
    pub annotations: BTreeMap<String, String>,
    /// The content itself, in base64, when it is small and was put here.
    pub data: Option<String>,
    /// The platform the content is for.
    pub platform: Option<OciPlatform>,
    /// The media type of the artifact, when it is one.
    pub artifact_type: Option<String>,
}

/// A platform that an image runs on. Definition `OCIPlatform`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OciPlatform {
    /// The processor architecture: `amd64`, `arm64` …
    pub architecture: String,
    /// The operating system: `linux`, `windows`.
    pub os: String,
    /// The version of the operating system, mostly of Windows: `10.0.19041.1165`.
    #[serde(rename = "os.version")]
    pub os_version: String,
    /// Features of the operating system that are needed, mostly of Windows: `win32k`.
    #[serde(rename = "os.features")]
    pub os_features: Vec<String>,
    /// The variant of the architecture: `v7`.
    pub variant: String,
}
