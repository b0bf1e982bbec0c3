//! The certificates that the nodes of a swarm trust.

use serde::{Deserialize, Serialize};

/// The certificates that nodes trust. Definition `TLSInfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct TlsInfo {
    /// The root certificates, PEM.
    pub trust_root: String,
    /// The issuer's subject, in base64.
    pub cert_issuer_subject: String,
    /// The issuer's public key, in base64.
    pub cert_issuer_public_key: String,
}
