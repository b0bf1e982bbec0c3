//! TCP with TLS: certificates, trusted authorities, and the errors of handshakes.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error as Tls, RootCertStore};

use super::address::Address;
use super::connector::{BoxStream, Connecting, Connector, in_runtime};
use super::no_verification::NoVerification;
use super::proxy::HttpProxy;
use super::security::{Lookup, Security};
use super::tcp::{TcpConnector, without_zone};
use crate::error::{Error, Result, TlsError};
use crate::local_file;

/// The trusted authorities and the certificate of the client.
///
/// The default trusts the certificate authorities of the system and sends no certificate. The key
/// is never part of a `Debug` text or an error.
///
/// ```no_run
/// use engine_api::Docker;
/// use engine_api::connect::{TlsConfig, TlsConnector};
///
/// let config = TlsConfig::from_directory("/home/me/certs")?;
/// let docker = Docker::with_connector(TlsConnector::new("build-host", 2376, &config)?);
/// # Ok::<(), engine_api::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TlsConfig {
    /// PEM: the only trusted authorities; empty for those of the system.
    pub ca: Vec<u8>,
    /// Trust the authorities of the system besides those in [`ca`](Self::ca).
    pub system_ca: bool,
    /// PEM: the client's certificate and its chain; empty for no certificate.
    pub cert: Vec<u8>,
    /// PEM: the private key of the client's certificate.
    pub key: Vec<u8>,
    /// Do not verify the engine's certificate. An attacker can then intercept the connection.
    pub skip_verify: bool,
}

impl TlsConfig {
    /// The files `ca.pem`, `cert.pem` and `key.pem` of a directory; each may be missing.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the directory does not exist, or a file cannot be
    /// read.
    pub fn from_directory(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        if !directory.is_dir() {
            let shown = directory.display();
            return Err(Error::invalid(format!(
                "there is no directory {shown} with certificates"
            )));
        }
        let read = |name: &str| {
            let file = directory.join(name);
            let content = local_file::read(&file);
            let unreadable = |error| Error::invalid(format!("{} cannot be read: {error}", file.display()));
            content.map(Option::unwrap_or_default).map_err(unreadable)
        };
        Ok(Self {
            ca: read("ca.pem")?,
            cert: read("cert.pem")?,
            key: read("key.pem")?,
            ..Self::default()
        })
    }

    /// The settings of `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH`; `None` if all of
    /// them are empty, which means no TLS.
    ///
    /// The engine's certificate is verified only if `DOCKER_TLS_VERIFY` is set. The files are in
    /// `DOCKER_CERT_PATH`, otherwise in the docker command's directory.
    ///
    /// # Errors
    ///
    /// As [`TlsConfig::from_directory`].
    pub fn from_env() -> Result<Option<Self>> {
        Self::of_variables(&|name| std::env::var(name).ok())
    }

    fn of_variables(env: Lookup<'_>) -> Result<Option<Self>> {
        Security::from_env(env)
            .map(|security| Self::of(&security))
            .transpose()
    }

    /// The files and settings that the environment or a context names.
    pub(super) fn of(security: &Security) -> Result<Self> {
        let config = match &security.directory {
            Some(directory) => Self::from_directory(directory)?,
            None => Self::default(),
        };
        Ok(Self {
            skip_verify: security.skip_verify,
            ..config
        })
    }

    fn client(&self) -> Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::invalid(format!("TLS cannot be set up: {error}")))?;
        let builder = if self.skip_verify {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(NoVerification::new(&provider)))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        match (self.cert.is_empty(), self.key.is_empty()) {
            (true, true) => Ok(builder.with_no_client_auth()),
            (false, false) => {
                // The parser's own error may quote a line of the file.
                let key = PrivateKeyDer::from_pem_slice(&self.key)
                    .map_err(|_quotes| Error::invalid("invalid private key (key.pem): not PEM"))?;
                builder
                    .with_client_auth_cert(certificates("cert.pem", &self.cert)?, key)
                    .map_err(|error| {
                        Error::invalid(format!("the certificate and its key cannot be used: {error}"))
                    })
            }
            (true, false) => Err(Error::invalid(
                "there is a key (key.pem), but no certificate (cert.pem) for it",
            )),
            (false, true) => Err(Error::invalid(
                "there is a certificate (cert.pem), but no key (key.pem) for it",
            )),
        }
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        if self.ca.is_empty() || self.system_ca {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if self.ca.is_empty() {
            if roots.is_empty() {
                return Err(Error::invalid(
                    "there is no ca.pem, and this system has no certificate authorities to trust",
                ));
            }
            return Ok(roots);
        }
        for certificate in certificates("ca.pem", &self.ca)? {
            roots
                .add(certificate)
                .map_err(|error| Error::invalid(format!("the authority (ca.pem) cannot be used: {error}")))?;
        }
        Ok(roots)
    }
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::invalid(format!("{what} contains no certificate in PEM"))),
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("ca", &!self.ca.is_empty())
            .field("system_ca", &self.system_ca)
            .field("cert", &!self.cert.is_empty())
            .field("skip_verify", &self.skip_verify)
            .finish_non_exhaustive()
    }
}

/// Connects to a host and port with TLS.
#[derive(Clone)]
pub struct TlsConnector {
    tcp: TcpConnector,
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: tokio_rustls::TlsConnector,
}

impl TlsConnector {
    /// A connector to `host`, a name or an IP address that the engine's certificate must be for,
    /// and `port`.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the host cannot be in a certificate, or the
    /// certificates or the key cannot be used.
    pub fn new(host: &str, port: u16, config: &TlsConfig) -> Result<Self> {
        let name = ServerName::try_from(without_zone(host).to_owned())
            .map_err(|error| Error::invalid(format!("{host:?} is not a valid name for TLS: {error}")))?;
        Ok(Self {
            tcp: TcpConnector::new(host, port),
            host: host.to_owned(),
            port,
            name,
            tls: Arc::new(config.client()?).into(),
        })
    }

    /// Adds the prefix `base` to every request path.
    #[must_use]
    pub fn with_base_path(mut self, base: &str) -> Self {
        self.tcp = self.tcp.with_base_path(base);
        self
    }
}

impl TlsConnector {
    /// Connects through a proxy.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<Option<HttpProxy>>) -> Self {
        self.tcp = self.tcp.with_proxy(proxy);
        self
    }
}

impl Connector for TlsConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let tcp = self.tcp.open().await?;
            let stream = self.tls.connect(self.name.clone(), tcp).await;
            let stream = stream.map_err(explained)?;
            Ok(Box::new(Encrypted(stream)) as BoxStream)
        })
    }

    fn address(&self) -> String {
        let (host, base) = (self.host.clone(), self.tcp.base_path().to_owned());
        let port = self.port;
        Address::Tls { host, port, base }.to_string()
    }

    fn base_path(&self) -> &str {
        self.tcp.base_path()
    }

    fn host(&self) -> &str {
        self.tcp.host()
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

/// An encrypted stream. A shutdown sends TLS's closing message, which ends a process's input.
struct Encrypted(TlsStream<TcpStream>);

impl AsyncRead for Encrypted {
    // An engine that requires a certificate reports the error after the handshake has ended on the
    // client's side.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf).map_err(explained)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data).map_err(explained)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(explained)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx).map_err(explained)
    }
}

/// Adds the meaning and a hint to an error of TLS.
fn explained(error: io::Error) -> io::Error {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) else {
        return error;
    };
    if let Tls::InvalidMessage(_) = tls {
        let text = format!("the server does not use TLS ({tls}); is its address plain tcp:// or http://?");
        return io::Error::new(io::ErrorKind::InvalidData, text);
    }
    let hint = match tls {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the server's certificate is from an authority that is not trusted; is it the right ca.pem?"
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another name; use one that is in it",
        Tls::InvalidCertificate(_) => "the server's certificate is not valid",
        Tls::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server requires a client certificate; provide cert.pem and key.pem"
        }
        Tls::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::DecryptError
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => "the server rejects the client certificate, or requires one",
        _ => return error,
    };
    io::Error::other(TlsError::new(format!("{hint} ({tls})")))
}

#[cfg(test)]
mod tests;
