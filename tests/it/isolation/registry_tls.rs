//! The engine `sandbox` imports an image from a registry with TLS: trusted authorities, the
//! certificate of the client, credentials, and other servers to which the registry refers.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use engine_api::auth::RegistryAuth;
use isolation::ErrorKind;
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage, RegistryAccess, SandboxImage};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tests::chain;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::authority::Authority;

impl Authority {
    /// Trusts only this authority beside those of the system.
    fn registry_access(&self) -> RegistryAccess {
        let mut access = RegistryAccess::default();
        access.ca = self.certificate.pem().into();
        access
    }
}

/// The certificate of a server, and its demands on clients.
#[derive(Default)]
struct Site {
    replies: BTreeMap<String, Vec<u8>>,
    /// The server that has everything else.
    elsewhere: Option<String>,
    /// Whether a client needs a certificate of the same authority.
    asks_for_certificate: bool,
    /// The header `Authorization` that it asks for.
    authorization: Option<String>,
}

/// A running server: its address, and how many clients have shown a certificate.
struct Server {
    address: String,
    certificates: Arc<Mutex<usize>>,
}

impl Site {
    async fn serve(self, authority: &Authority) -> Server {
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let clients = match self.asks_for_certificate {
            true => clients,
            false => clients.allow_unauthenticated(),
        };
        let (certificate, key) = authority.issue("127.0.0.1");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let certificates = Arc::new(Mutex::new(0));
        let (site, shown) = (Arc::new(self), Arc::clone(&certificates));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&site).answer(acceptor.clone(), stream, Arc::clone(&shown)));
            }
        });
        Server {
            address,
            certificates,
        }
    }

    /// Answers one request. A client that does not trust it ends the connection.
    async fn answer(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        certificates: Arc<Mutex<usize>>,
    ) -> std::io::Result<()> {
        let stream = acceptor.accept(stream).await?;
        if stream.get_ref().1.peer_certificates().is_some() {
            *certificates.lock().unwrap() += 1;
        }
        let mut stream = BufReader::new(stream);
        let (mut path, mut authorization) = (String::new(), None);
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            }
            if let Some((name, value)) = line.trim_end().split_once(": ") {
                if name.eq_ignore_ascii_case("authorization") {
                    authorization = Some(value.to_owned());
                }
            }
            line.clear();
        }
        let (status, body) = match (self.replies.get(&path), &self.elsewhere) {
            _ if self.authorization.is_some() && authorization != self.authorization => {
                let status = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"".to_owned();
                (status, &[][..])
            }
            (Some(body), _) => ("200 OK".to_owned(), &body[..]),
            (None, Some(other)) => {
                let status = format!("307 Temporary Redirect\r\nLocation: https://{other}{path}");
                (status, &[][..])
            }
            (None, None) => ("404 Not Found".to_owned(), &[][..]),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        stream.shutdown().await
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The replies of a registry with the image `app:1`, and those of another server with its layer.
fn image() -> [BTreeMap<String, Vec<u8>>; 2] {
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    layer.append_data(&mut header, "data/kept", &b"one"[..]).unwrap();
    let layer = layer.into_inner().unwrap();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        digest(&layer)
    );
    let part = |bytes: &[u8]| {
        format!(
            r#"{{"digest":"sha256:{}","size":{}}}"#,
            digest(bytes),
            bytes.len()
        )
    };
    let (config_part, layer_part) = (part(config.as_bytes()), part(&layer));
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config_part},"layers":[{layer_part}]}}"#);
    let blob = |bytes: &[u8]| format!("/v2/app/blobs/sha256:{}", digest(bytes));
    let own = [
        ("/v2/app/manifests/1".to_owned(), manifest.into_bytes()),
        (blob(config.as_bytes()), config.clone().into_bytes()),
    ];
    [own.into(), [(blob(&layer), layer)].into()]
}

/// A registry, and the other server; both have certificates of the same authority.
async fn registry(authority: &Authority, site: Site) -> (Server, Server) {
    let [own, other] = image();
    let other = Site {
        replies: other,
        ..Site::default()
    };
    let other = other.serve(authority).await;
    let registry = Site {
        replies: own,
        elsewhere: Some(other.address.clone()),
        ..site
    };
    (registry.serve(authority).await, other)
}

/// A directory for images that every user may enter.
fn cache() -> TempDir {
    let cache = tempfile::tempdir().unwrap();
    std::fs::set_permissions(cache.path(), PermissionsExt::from_mode(0o711)).unwrap();
    cache
}

async fn import(cache: &Path, server: &Server, access: RegistryAccess) -> isolation::Result<SandboxImage> {
    let mut options = ImportImage::default();
    options.image = Some(format!("{}/app:1", server.address));
    let engine = SandboxEngine::below(cache).with_cache(cache.join("images"));
    let source = ImageSource::Registry(access);
    engine.images().import(source, options).await
}

#[tokio::test]
async fn registry_is_trusted_by_its_authority() {
    let (authority, other) = (Authority::new("registry"), Authority::new("registry"));
    let (server, _other) = registry(&authority, Site::default()).await;
    let cache = cache();
    // One of this machine has no TLS unless it is asked for.
    let plain = import(cache.path(), &server, RegistryAccess::default()).await;
    assert_eq!(plain.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = import(cache.path(), &server, other.registry_access())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("authority that is not trusted"),
        "{error}"
    );
    let mut insecure = authority.registry_access();
    insecure.insecure = true;
    let error = import(cache.path(), &server, insecure).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");

    let image = import(cache.path(), &server, authority.registry_access())
        .await
        .unwrap();
    assert_eq!(image.names, [format!("{}/app:1", server.address)]);
}

/// The layer is on another server, whose certificate is verified all the same.
#[tokio::test]
async fn registry_is_used_without_verification() {
    let authority = Authority::new("registry");
    let (server, _other) = registry(&authority, Site::default()).await;
    let cache = cache();
    let mut access = RegistryAccess::default();
    access.skip_verify = true;
    let error = import(cache.path(), &server, access.clone()).await.unwrap_err();
    assert!(
        error.to_string().contains("authority that is not trusted"),
        "{error}"
    );
    access.ca = authority.certificate.pem().into();
    import(cache.path(), &server, access).await.unwrap();
}

#[tokio::test]
async fn registry_gets_the_certificate_of_the_client() {
    let authority = Authority::new("registry");
    let site = Site {
        asks_for_certificate: true,
        ..Site::default()
    };
    let (server, other) = registry(&authority, site).await;
    let cache = cache();
    let error = import(cache.path(), &server, authority.registry_access())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = chain(&error);
    assert!(text.contains("requires a client certificate"), "{text}");
    // As skopeo and Docker have it: a directory.
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
    let (certificate, key) = authority.issue("client");
    write("ca.crt", authority.certificate.pem());
    write("client.cert", certificate.pem());
    write("client.key", key.serialize_pem());
    let mut access = RegistryAccess::default();
    access.read_certificates(directory.path()).unwrap();
    import(cache.path(), &server, access).await.unwrap();
    assert!(*server.certificates.lock().unwrap() > 0);
    assert_eq!(
        *other.certificates.lock().unwrap(),
        0,
        "another server got it, too"
    );
}

#[tokio::test]
async fn registry_gets_the_credentials() {
    let authority = Authority::new("registry");
    let expected = base64::engine::general_purpose::STANDARD.encode("me:hunter2");
    let site = Site {
        authorization: Some(format!("Basic {expected}")),
        ..Site::default()
    };
    let (server, _other) = registry(&authority, site).await;
    let cache = cache();
    let mut access = authority.registry_access();
    access.auth = Some(RegistryAuth::user("me", "wrong-hunter2"));
    assert!(!format!("{access:?}").contains("hunter2"));
    let error = import(cache.path(), &server, access.clone()).await.unwrap_err();
    assert!(error.to_string().contains("isolate login"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    access.auth = Some(RegistryAuth::user("me", "hunter2"));
    import(cache.path(), &server, access).await.unwrap();
}
