//! The manifests of an image: one for each platform, and attestations.

use serde::{Deserialize, Serialize};

use super::Identity;
use crate::common::{OciDescriptor, OciPlatform};
use crate::wire::json::open_enum;

/// One manifest of an image. Definition `ImageManifestSummary`. Since API 1.47.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageManifest {
    /// The digest of the manifest, `sha256:…`.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Where the manifest is, and how large.
    pub descriptor: OciDescriptor,
    /// Whether all of it (configuration and layers) is on this engine.
    pub available: bool,
    /// How much of it is on this engine.
    pub size: ManifestSize,
    /// What the manifest describes.
    pub kind: ManifestKind,
    /// About the image, when it describes one.
    pub image_data: Option<ManifestImage>,
    /// About the attestation, when it describes one.
    pub attestation_data: Option<ManifestAttestation>,
}

/// The bytes on this engine that belong to a manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestSize {
    /// Bytes of everything, unpacked layers included.
    pub total: i64,
    /// Bytes as they are distributed: configuration and packed layers.
    pub content: i64,
}

/// What a manifest describes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// An image that a container can be started from.
    Image,
    /// Statements about an image, made when it was built.
    Attestation,
    /// Something the engine does not know.
    Unknown,
    /// A word this crate does not know.
    Other(String),
}

open_enum!(ManifestKind {
    Image = "image",
    Attestation = "attestation",
    Unknown = "unknown",
});

/// The image that a manifest describes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestImage {
    /// The platform it runs on.
    pub platform: OciPlatform,
    /// Its origin, when asked for. Since API 1.54.
    pub identity: Option<Identity>,
    /// The ids of the containers that use it.
    pub containers: Vec<String>,
    /// How much space it takes unpacked.
    pub size: UnpackedSize,
}

/// The bytes that an unpacked image takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct UnpackedSize {
    /// Bytes of the unpacked layers, which containers use.
    pub unpacked: i64,
}

/// The attestation that a manifest describes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestAttestation {
    /// The digest of the manifest it is about.
    #[serde(rename = "For")]
    pub about: String,
}
