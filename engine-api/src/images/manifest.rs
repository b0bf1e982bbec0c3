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
    /// The descriptor of the manifest.
    pub descriptor: OciDescriptor,
    /// Whether this engine has all of its content (configuration and layers).
    pub available: bool,
    /// The size of its content on this engine.
    pub size: ManifestSize,
    /// The kind of content that the manifest describes.
    pub kind: ManifestKind,
    /// Details of the image, if the manifest describes an image.
    pub image_data: Option<ManifestImage>,
    /// Details of the attestation, if the manifest describes an attestation.
    pub attestation_data: Option<ManifestAttestation>,
}

/// The size of a manifest's content on this engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestSize {
    /// Total size in bytes, including unpacked layers.
    pub total: i64,
    /// Size in bytes of the distributed form: configuration and packed layers.
    pub content: i64,
}

/// The kind of content that a manifest describes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ManifestKind {
    /// An image for containers.
    Image,
    /// Attestations of an image, created by its build.
    Attestation,
    /// A kind that the engine does not know.
    Unknown,
    /// A value that this crate does not know.
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
    /// Its origin, if it was requested. Since API 1.54.
    pub identity: Option<Identity>,
    /// The IDs of the containers that use it.
    pub containers: Vec<String>,
    /// Its unpacked size.
    pub size: UnpackedSize,
}

/// The size of an unpacked image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct UnpackedSize {
    /// Size in bytes of the unpacked layers, which containers use.
    pub unpacked: i64,
}

/// The attestation that a manifest describes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ManifestAttestation {
    /// The digest of the manifest to which it applies.
    #[serde(rename = "For")]
    pub about: String,
}
