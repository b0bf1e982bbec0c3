//! Content and platforms in the formats of the Open Container Initiative.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A pointer to content in a registry or a content store. Definition `OCIDescriptor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct OciDescriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content, `sha256:…`.
    pub digest: String,
    /// Size of the content in bytes.
    pub size: i64,
    /// URLs that the content can be downloaded from, too.
    pub urls: Vec<String>,
    /// Annotations of the content.
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64, if it is embedded.
    pub data: Option<String>,
    /// Platform of the content.
    pub platform: Option<OciPlatform>,
    /// Media type of an artifact.
    pub artifact_type: Option<String>,
}

/// A platform that an image runs on. Definition `OCIPlatform`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OciPlatform {
    /// CPU architecture: `amd64`, `arm64` …
    pub architecture: String,
    /// Operating system: `linux`, `windows`.
    pub os: String,
    /// Version of the operating system, mostly of Windows: `10.0.19041.1165`.
    #[serde(rename = "os.version")]
    pub os_version: String,
    /// Required features of the operating system, mostly of Windows: `win32k`.
    #[serde(rename = "os.features")]
    pub os_features: Vec<String>,
    /// Variant of the architecture: `v7`.
    pub variant: String,
}
