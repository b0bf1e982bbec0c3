//! The origin of an image, as the engine has verified it.

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// The origin of an image. Definition `Identity`. Since API 1.53.
///
/// The engine has verified it. Another name of the image does not change it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Identity {
    /// The signatures that the engine has verified.
    pub signature: Vec<SignatureIdentity>,
    /// The repositories from which it was pulled or to which it was pushed.
    pub pull: Vec<PullIdentity>,
    /// The builds on this engine that created it.
    pub build: Vec<BuildIdentity>,
}

/// A verified signature. Definition `SignatureIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SignatureIdentity {
    /// The kind of signature, in words.
    pub name: String,
    /// The verified signed timestamps.
    pub timestamps: Vec<SignatureTimestamp>,
    /// The signer, if the engine knows it by name.
    pub known_signer: KnownSigner,
    /// The image's name in the signature; old `hashedrecord` signatures only.
    pub docker_reference: String,
    /// The subject of the signing certificate.
    pub signer: Option<SignerIdentity>,
    /// The format of the signature.
    pub signature_type: SignatureType,
    /// Why the verification failed; then all other fields are empty.
    pub error: String,
    /// Warnings of the verification, such as the use of stored roots of trust.
    pub warnings: Vec<String>,
}

/// A signed timestamp. Definition `SignatureTimestamp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SignatureTimestamp {
    /// The source of the time.
    #[serde(rename = "Type")]
    pub kind: SignatureTimestampType,
    /// The URI of the source.
    #[serde(rename = "URI")]
    pub uri: String,
    /// The time, RFC 3339.
    pub timestamp: String,
}

/// The source of the time of a signature. Definition `SignatureTimestampType`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignatureTimestampType {
    /// A transparency log.
    Tlog,
    /// A timestamp authority.
    TimestampAuthority,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(SignatureTimestampType {
    Tlog = "Tlog",
    TimestampAuthority = "TimestampAuthority",
});

/// The format of a signature. Definition `SignatureType`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// A Sigstore bundle.
    BundleV03,
    /// A simple signing envelope.
    SimpleSigningV1,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(SignatureType {
    BundleV03 = "bundle-v0.3",
    SimpleSigningV1 = "simplesigning-v1",
});

/// A signer that the engine knows by name. Definition `KnownSignerIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KnownSigner {
    /// Docker Hardened Images.
    Dhi,
    /// A value that this crate does not know; empty for none.
    Other(String),
}

open_enum!(KnownSigner { Dhi = "DHI" });

/// The contents of a signing certificate. Definition `SignerIdentity`.
///
/// Most fields are Fulcio's certificate extensions, each under its own name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SignerIdentity {
    /// The issuer of the certificate.
    pub certificate_issuer: String,
    /// The subject of the certificate.
    pub subject_alternative_name: String,
    /// The issuer of the subject's identity: the `iss` claim of the OIDC token.
    pub issuer: String,
    /// The build instructions that signed.
    #[serde(rename = "BuildSignerURI")]
    pub build_signer_uri: String,
    /// Their exact version.
    pub build_signer_digest: String,
    /// Whether the build ran on hosted or self-hosted machines.
    pub runner_environment: String,
    /// The repository that was built.
    #[serde(rename = "SourceRepositoryURI")]
    pub source_repository_uri: String,
    /// Its exact version.
    pub source_repository_digest: String,
    /// Its branch or tag.
    pub source_repository_ref: String,
    /// Its immutable ID.
    pub source_repository_identifier: String,
    /// Its owner.
    #[serde(rename = "SourceRepositoryOwnerURI")]
    pub source_repository_owner_uri: String,
    /// The immutable ID of its owner.
    pub source_repository_owner_identifier: String,
    /// The build instructions at the top.
    #[serde(rename = "BuildConfigURI")]
    pub build_config_uri: String,
    /// Their exact version.
    pub build_config_digest: String,
    /// The event that triggered the build.
    pub build_trigger: String,
    /// The run of the build.
    #[serde(rename = "RunInvocationURI")]
    pub run_invocation_uri: String,
    /// Whether the repository was public when the certificate was signed.
    pub source_repository_visibility_at_signing: String,
}

/// The repository from which an image was pulled. Definition `PullIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PullIdentity {
    /// The repository; for a pull through a mirror, the original repository.
    pub repository: String,
}

/// The build that created an image. Definition `BuildIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct BuildIdentity {
    /// The build's id, for BuildKit's history.
    #[serde(rename = "Ref")]
    pub reference: String,
    /// Time of the build, in RFC 3339.
    pub created_at: String,
}
