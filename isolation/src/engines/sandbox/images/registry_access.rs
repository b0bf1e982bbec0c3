//! How a registry is reached: trusted authorities, the certificate of the client, credentials.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use engine_api::auth::RegistryAuth;

use crate::error::{Error, Result};

/// The most bytes of a file with certificates.
const LONGEST: u64 = 1 << 20;

/// How a registry is reached. By default with TLS and the authorities of the system, except one of
/// this machine, and with the credentials that the docker command has.
///
/// With [`tls`](Self::tls), [`skip_verify`](Self::skip_verify), a certificate or an authority, a
/// registry of this machine is reached with TLS, too. They need the feature `tls`. Its
/// [`Debug`](fmt::Debug) shows no secret.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RegistryAccess {
    /// Whether the registry is used without TLS: everybody on the way can read the credentials and
    /// change the image, unless its name has a digest.
    pub insecure: bool,
    /// Whether a registry of this machine is used with TLS, too.
    pub tls: bool,
    /// PEM: trusted authorities besides those of the system.
    pub ca: Vec<u8>,
    /// PEM: the certificate of the client and its chain; empty for no certificate. Only the
    /// registry itself gets it.
    pub cert: Vec<u8>,
    /// PEM: the private key of that certificate.
    pub key: Vec<u8>,
    /// Do not verify the certificate of the registry. An attacker can then intercept the
    /// connection. The certificates of other servers, to which it refers, are verified.
    pub skip_verify: bool,
    /// The credentials for the registry that is asked: with
    /// [names](super::super::SandboxEngine::with_image_names) that differ, this is the mirror.
    /// `None` for those that the docker command has for it.
    pub auth: Option<RegistryAuth>,
}

impl fmt::Debug for RegistryAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAccess")
            .field("insecure", &self.insecure)
            .field("tls", &self.tls)
            .field("ca", &!self.ca.is_empty())
            .field("cert", &!self.cert.is_empty())
            .field("skip_verify", &self.skip_verify)
            .field("auth", &self.auth.is_some())
            .finish_non_exhaustive()
    }
}

impl RegistryAccess {
    /// Reads the certificates of a directory, as Docker, Podman and skopeo do: the authorities of
    /// the files `*.crt`, and the certificate of the client in `NAME.cert` with its key in
    /// `NAME.key`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it has no certificates, or a
    /// certificate without a key.
    pub fn read_certificates(&mut self, directory: impl AsRef<Path>) -> Result<()> {
        let directory = directory.as_ref();
        let shown = directory.display();
        let mut cert: Option<PathBuf> = None;
        for path in sorted(directory)? {
            match path.extension().and_then(|end| end.to_str()) {
                Some("crt") => self.ca.extend(pem(&path)?.iter().chain(b"\n")),
                Some("cert") if cert.is_some() => {
                    let why = format!("{shown} has several client certificates; keep one");
                    return Err(Error::invalid(why));
                }
                Some("cert") => cert = Some(path),
                _ => {}
            }
        }
        if let Some(cert) = &cert {
            let key = cert.with_extension("key");
            if !key.is_file() {
                let (cert, key) = (cert.display(), key.display());
                return Err(Error::invalid(format!("{cert} has no key {key}")));
            }
            (self.cert, self.key) = (pem(cert)?, pem(&key)?);
        }
        match self.ca.is_empty() && cert.is_none() {
            true => Err(Error::invalid(format!(
                "{shown} has no certificates; name them NAME.crt (an authority), or NAME.cert with NAME.key \
                 (of the client)"
            ))),
            false => Ok(()),
        }
    }

    /// Whether TLS is asked for.
    pub(super) fn asks_for_tls(&self) -> bool {
        self.tls || self.skip_verify || !self.ca.is_empty() || !self.cert.is_empty() || !self.key.is_empty()
    }

    /// Rejects what excludes each other.
    pub(super) fn check(&self) -> Result<()> {
        match self.insecure && self.asks_for_tls() {
            true => Err(Error::invalid(
                "a registry without TLS has no certificates; leave out `insecure`, or the options of TLS",
            )),
            false => Ok(()),
        }
    }
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io("list the certificates of", directory, e);
    let entries = fs::read_dir(directory).map_err(failed)?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|one| one.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The content of a file, which must be PEM.
fn pem(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let size = path.metadata().map_err(|e| Error::io("inspect", path, e))?.len();
    if size > LONGEST {
        return Err(Error::invalid(format!(
            "{shown} has {size} bytes; certificates are small"
        )));
    }
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    match String::from_utf8_lossy(&content).contains("-----BEGIN ") {
        true => Ok(content),
        false => Err(Error::invalid(format!("{shown} is not in the format PEM"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_a_directory_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let read = || {
            let mut access = RegistryAccess::default();
            access.read_certificates(directory.path()).map(|()| access)
        };
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        assert!(read().unwrap_err().to_string().contains("NAME.crt"));
        write("b.crt", "-----BEGIN b");
        write("a.crt", "-----BEGIN a");
        write("README", "no");
        assert_eq!(read().unwrap().ca, b"-----BEGIN a\n-----BEGIN b\n");
        write("me.cert", "-----BEGIN me");
        assert!(read().unwrap_err().to_string().contains("me.key"));
        write("me.key", "-----BEGIN s3cret");
        let both = read().unwrap();
        assert_eq!(
            (both.cert.as_slice(), both.key.as_slice()),
            (&b"-----BEGIN me"[..], &b"-----BEGIN s3cret"[..])
        );
        assert!(both.asks_for_tls() && !format!("{both:?}").contains("s3cret"));
        write("other.cert", "-----BEGIN other");
        assert!(read().unwrap_err().to_string().contains("several"));
        write("a.crt", &"x".repeat((1 << 20) + 1));
        assert!(read().unwrap_err().to_string().contains("certificates are small"));
        write("a.crt", "binary");
        assert!(read().unwrap_err().to_string().contains("not in the format PEM"));
        let missing = directory.path().join("missing");
        RegistryAccess::default().read_certificates(&missing).unwrap_err();
        let both = RegistryAccess {
            insecure: true,
            ..both
        };
        assert!(both.check().unwrap_err().to_string().contains("without TLS"));
    }
}
