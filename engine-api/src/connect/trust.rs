//! When the two sides of an encrypted connection do not trust each other, and when they need not.

use std::fmt;

/// The engine and this client do not trust each other: a certificate is wrong, missing or not accepted.
///
/// A [`Connector`](super::Connector) puts it into the I/O error of connecting, reading or writing; the
/// call then fails with [`crate::ErrorKind::TlsError`].
#[derive(Debug, Clone)]
pub struct TlsError(String);

impl TlsError {
    /// `reason` says what is wrong, and what to do about it.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// What an I/O error carries of this kind.
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

#[cfg(feature = "tls")]
pub(super) use anybody::NoVerification;

#[cfg(feature = "tls")]
mod anybody {
    use tokio_rustls::rustls::client::danger::{
        HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
    };
    use tokio_rustls::rustls::crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    };
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{DigitallySignedStruct, Error, SignatureScheme};

    /// Accepts any certificate, as long as the other side has its key.
    #[derive(Debug)]
    pub(in crate::connect) struct NoVerification(WebPkiSupportedAlgorithms);

    impl NoVerification {
        pub(in crate::connect) fn new(provider: &CryptoProvider) -> Self {
            Self(provider.signature_verification_algorithms)
        }
    }

    impl ServerCertVerifier for NoVerification {
        fn verify_server_cert(
            &self,
            _certificate: &CertificateDer<'_>,
            _chain: &[CertificateDer<'_>],
            _name: &ServerName<'_>,
            _ocsp: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signed, &self.0)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signed, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_schemes()
        }
    }
}
