//! `isolate image import` from a registry, with each of its options, on a registry of this process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::support::{Ended, Workspace};

/// An authority that issues certificates.
struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "registry of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn issue(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.certificate, &self.key).unwrap(), key)
    }

    /// TLS with a certificate of this authority, and also for the client if it is asked for one.
    fn tls(&self, asks_for_certificate: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let clients = match asks_for_certificate {
            true => clients,
            false => clients.allow_unauthenticated(),
        };
        let (certificate, key) = self.issue("127.0.0.1");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    /// A directory as `--cert-dir` takes it; with a certificate of the client if it has a name.
    fn directory(&self, client: Option<&str>) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
        write("ca.crt", self.certificate.pem());
        if let Some(name) = client {
            let (certificate, key) = self.issue(name);
            write("client.cert", certificate.pem());
            write("client.key", key.serialize_pem());
        }
        directory
    }
}

/// Starts a registry with the image `app:1`; returns its address. It answers on threads until the
/// test ends.
fn registry(tls: Option<Arc<ServerConfig>>, authorization: Option<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let replies = image();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (replies, tls, authorization) = (replies.clone(), tls.clone(), authorization.clone());
            std::thread::spawn(move || {
                // A client that does not trust it ends the connection.
                let answered = match tls {
                    None => answer(stream, &replies, authorization.as_deref()),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        answer(stream, &replies, authorization.as_deref())
                    }
                };
                drop(answered);
            });
        }
    });
    address
}

/// Ends a connection so that the client sees its end.
trait Finish: Read + Write {
    fn finish(&mut self) -> std::io::Result<()>;
}

impl Finish for TcpStream {
    fn finish(&mut self) -> std::io::Result<()> {
        self.flush()
    }
}

impl Finish for StreamOwned<ServerConnection, TcpStream> {
    fn finish(&mut self) -> std::io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

/// Answers one request.
fn answer(
    stream: impl Finish,
    replies: &BTreeMap<String, Vec<u8>>,
    expected: Option<&str>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut path, mut authorization, mut line) = (String::new(), None, String::new());
    while stream.read_line(&mut line)? > 2 {
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
    let (status, body) = match replies.get(&path) {
        _ if expected.is_some() && authorization.as_deref() != expected => (
            "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"",
            &[][..],
        ),
        Some(body) => ("200 OK", &body[..]),
        None => ("404 Not Found", &[][..]),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.finish()
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The replies of a registry with one image under two names, whose layer has 64 KiB.
fn image() -> BTreeMap<String, Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    let content = vec![b'x'; 64 << 10];
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    layer.append_data(&mut header, "kept", &content[..]).unwrap();
    let layer = layer.into_inner().unwrap();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        digest(&layer)
    )
    .into_bytes();
    let part = |bytes: &[u8]| {
        format!(
            r#"{{"digest":"sha256:{}","size":{}}}"#,
            digest(bytes),
            bytes.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        part(&config),
        part(&layer)
    );
    let mut replies = BTreeMap::new();
    for name in ["app", "library/app"] {
        replies.insert(format!("/v2/{name}/manifests/1"), manifest.clone().into_bytes());
        for blob in [&config, &layer] {
            replies.insert(format!("/v2/{name}/blobs/sha256:{}", digest(blob)), blob.clone());
        }
    }
    replies
}

/// A workspace whose images are its own.
struct Place {
    workspace: Workspace,
    cache: TempDir,
}

impl Place {
    fn new() -> Self {
        let cache = tempfile::tempdir().unwrap();
        // The users of environments must be able to enter it.
        fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let workspace = Workspace::new();
        fs::create_dir(workspace.home().join("docker")).unwrap();
        Self { workspace, cache }
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let mut command = self.workspace.command(&[&["image"], arguments].concat());
        command
            .env("XDG_CACHE_HOME", self.cache.path())
            .env("DOCKER_CONFIG", self.workspace.home().join("docker"));
        Ended::of(&mut command)
    }

    fn import(&self, options: &[&str], image: &str) -> Ended {
        self.isolate(&[&["import", "--engine", "sandbox"], options, &[image]].concat())
    }

    fn imports(&self, options: &[&str], image: &str) {
        let ended = self.import(options, image);
        assert_eq!(ended.code(), Some(0), "{options:?}: {}", ended.stderr());
        assert_eq!(ended.stdout(), format!("{image}\n"));
        let removed = self.isolate(&["rm", "--engine", "sandbox", image]);
        assert_eq!(removed.code(), Some(0), "{}", removed.stderr());
    }

    fn fails(&self, options: &[&str], image: &str, why: &str) {
        let ended = self.import(options, image);
        let text = ended.stderr();
        assert_eq!(ended.code(), Some(125), "{options:?}: {text}");
        assert!(text.contains(why), "{options:?}: {text}");
        let listed = self.isolate(&["ls", "-q", "--engine", "sandbox"]);
        assert_eq!(listed.stdout(), "", "an image is left");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn registry_is_trusted_by_the_directory_given() {
    let (authority, other) = (Authority::new(), Authority::new());
    let image = format!("{}/app:1", registry(Some(authority.tls(false)), None));
    let place = Place::new();
    let (right, wrong) = (authority.directory(None), other.directory(None));
    // One of this machine is used without TLS unless an option is about certificates.
    place.fails(&[], &image, "");
    place.fails(&["--from", "registry", "--insecure"], &image, "");
    fn options(directory: &Path) -> [&str; 2] {
        ["--cert-dir", text(directory)]
    }
    place.fails(&options(wrong.path()), &image, "authority that is not trusted");
    place.fails(&["--tls-verify"], &image, "authority that is not trusted");
    let verify = [&options(wrong.path())[..], &["--tls-verify=false"]].concat();
    place.imports(&verify, &image);
    place.imports(&["--tls-verify=false"], &image);
    place.imports(&options(right.path()), &image);
    let empty = tempfile::tempdir().unwrap();
    place.fails(&options(empty.path()), &image, "has no certificates");
    let none = empty.path().join("none");
    place.fails(&options(&none), &image, "none");
    place.fails(&options(right.path()), "./app.tar", "are for registries");
}

#[test]
fn registry_gets_the_certificate_of_the_directory() {
    let authority = Authority::new();
    let image = format!("{}/app:1", registry(Some(authority.tls(true)), None));
    let place = Place::new();
    let (without, with) = (authority.directory(None), authority.directory(Some("client")));
    fn options(directory: &Path) -> [&str; 4] {
        ["--from", "registry", "--cert-dir", text(directory)]
    }
    place.fails(&options(without.path()), &image, "client certificate");
    place.imports(&options(with.path()), &image);
    let stranger = Authority::new().directory(Some("client"));
    fs::copy(without.path().join("ca.crt"), stranger.path().join("ca.crt")).unwrap();
    place.fails(&options(stranger.path()), &image, "");
    fs::remove_file(with.path().join("client.key")).unwrap();
    place.fails(&options(with.path()), &image, "has no key");
}

#[test]
fn registry_gets_the_credentials_of_docker_login() {
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let expected = format!("Basic {}", encoded("me:hunter2"));
    let address = registry(None, Some(expected));
    let image = format!("{address}/app:1");
    let place = Place::new();
    place.fails(&[], &image, "isolate login");
    let log_in = |password: &str| {
        let auth = encoded(&format!("me:{password}"));
        let text = format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#);
        fs::write(place.workspace.home().join("docker/config.json"), text).unwrap();
    };
    log_in("wrong-hunter2");
    let refused = place.import(&[], &image);
    assert_eq!(refused.code(), Some(125));
    assert!(!refused.stderr().contains("hunter2"), "{}", refused.stderr());
    log_in("hunter2");
    place.imports(&[], &image);
}

#[test]
fn image_of_a_registry_has_its_name_and_limit() {
    let address = registry(None, None);
    let (image, missing) = (format!("{address}/app:1"), format!("{address}/app:2"));
    let place = Place::new();
    place.fails(&[], &missing, "app:2");
    place.fails(&["--max-size", "1k"], &image, "");
    place.fails(&["--image", "app:1"], &image, "--image");
    // Without TLS, the client cannot be asked for a certificate.
    place.fails(
        &["--tls-verify=false"],
        &image,
        "--insecure is for one without TLS",
    );
    place.fails(&[], "127.0.0.1:1/app:1", "hint: check the name of the registry");
    let named = place.import(&["-t", "mine:3", "--insecure", "--max-size", "1m"], &image);
    assert_eq!(named.code(), Some(0), "{}", named.stderr());
    assert_eq!(named.stdout(), "mine:3\n");
    let listed = place.isolate(&["ls", "--engine", "sandbox"]).stdout();
    assert!(
        listed.contains("mine:3") && !listed.contains(&address),
        "{listed}"
    );
}

#[test]
fn names_of_the_configuration_are_used() {
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let login = |text: &str| format!("Basic {}", encoded(text));
    let (open, closed) = (registry(None, None), registry(None, Some(login("me:mirror"))));
    let wrong = registry(None, Some(login("me:hub")));
    let place = Place::new();
    let auths = format!(
        r#"{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{}"}}, "{closed}": {{"auth": "{}"}}}}}}"#,
        encoded("me:hub"),
        encoded("me:mirror")
    );
    fs::write(place.workspace.home().join("docker/config.json"), auths).unwrap();
    let file = place.workspace.home().join("isolate.json");
    let import = |key: &str, value: &str, from: &[&str]| {
        fs::write(&file, format!(r#"{{"docker": {{"{key}": "{value}"}}}}"#)).unwrap();
        let first = ["--config", text(&file), "image", "import"];
        let mut command = place.workspace.command(&[&first, from, &["app:1"]].concat());
        command
            .env("XDG_CACHE_HOME", place.cache.path())
            .env("DOCKER_CONFIG", place.workspace.home().join("docker"))
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        Ended::of(&mut command)
    };
    let registry = ["--from", "registry"];
    for (key, value, from, pulled) in [
        (
            "registry_mirror",
            &open,
            &registry[..],
            format!("{open}/library/app:1"),
        ),
        ("registry_mirror", &open, &[], format!("{open}/library/app:1")),
        ("image_prefix", &open, &registry, format!("{open}/app:1")),
        ("default_registry", &open, &registry, format!("{open}/app:1")),
        (
            "registry_mirror",
            &closed,
            &registry,
            format!("{closed}/library/app:1"),
        ),
    ] {
        let ended = import(key, value, from);
        assert_eq!(ended.code(), Some(0), "{key}: {}", ended.stderr());
        assert_eq!(ended.stdout(), "app:1\n", "{key}");
        assert!(ended.stderr().contains(&pulled), "{key}: {}", ended.stderr());
        let removed = place.isolate(&["rm", "--engine", "sandbox", "app:1"]);
        assert_eq!(removed.code(), Some(0), "{}", removed.stderr());
    }
    // The credentials of Docker Hub are not for a mirror of it.
    let ended = import("registry_mirror", &wrong, &registry);
    let refused = ended.stderr();
    assert_eq!(ended.code(), Some(125), "{refused}");
    assert!(refused.contains(&format!("isolate login {wrong}")), "{refused}");
    assert!(refused.contains(&format!("{wrong}/library/app:1")), "{refused}");
}
