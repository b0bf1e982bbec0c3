//! Failures of TLS, which connectors report inside I/O errors.

use std::fmt;

/// A TLS handshake failed because a certificate is invalid, missing or not trusted.
///
/// A [`Connector`](crate::connect::Connector) returns it inside the I/O error of connecting,
/// reading or writing; the call then fails with [`crate::ErrorKind::TlsError`].
#[derive(Debug, Clone)]
pub struct TlsError(String);

impl TlsError {
    /// An error with the reason, and what to do about it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
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
