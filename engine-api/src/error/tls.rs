//! Failures of TLS, which connectors report inside I/O errors.

use std::fmt;

/// A TLS handshake failed because a certificate is invalid, missing or not trusted.
///
/// A [`Connector`](crate::connect::Connector) returns it inside the I/O error of connecting,
/// reading or writing; the call then fails with [`crate::ErrorKind::TlsError`].
#[derive(Debug, Clone)]
pub struct TlsError(String);

impl TlsError {
    /// An error with the reason and a hint.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The error of a request that was sent without TLS to a port that expects it.
    pub(crate) fn expected() -> Self {
        Self::new(
            "the request was sent without TLS to a port that expects TLS; set DOCKER_TLS_VERIFY=1, and \
             DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem, or write the address \
             with https://",
        )
    }

    /// The error of this kind inside an I/O error, if there is one.
    pub(crate) fn within(error: &std::io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}
