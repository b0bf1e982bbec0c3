//! A registry that demands bearer tokens, and the server that issues them, in this process.
//!
//! Engines accept a registry without TLS only at 127.0.0.1. A container in the engine's network
//! forwards a port there to this process.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::containers::{CreateContainer, HostConfig, RemoveContainer, StartContainer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{IMAGE, Subject};

/// The user who may pull, and the password.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "token-registry-password";

/// The token that the server issues.
const TOKEN: &str = "dG9rZW4tcmVnaXN0cnk";

/// The contents of the image's only file, `/marker`.
pub(crate) const MARKER: &str = "from a private image";

/// The image's repository and tag.
const REPOSITORY: &str = "private/base";

pub(crate) struct TokenRegistry {
    /// The image's name for the engine.
    pub(crate) image: String,
    /// The registry's name for the engine.
    pub(crate) name: String,
    /// The requests that were answered: `METHOD PATH STATUS`.
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
    forwarder: String,
}

impl TokenRegistry {
    pub(crate) async fn start(subject: &Subject) -> Self {
        let here = address_towards(subject.host());
        let listener = TcpListener::bind(SocketAddr::new(here, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = format!("127.0.0.1:{port}");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let site = Arc::new(Site::new(&name, Arc::clone(&requests)));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&site)));
            }
        });
        let forward = format!("exec nc -ll -p {port} -e nc {here} {port}");
        let forwarder = format!("ptest_token_registry_{port}");
        let container = CreateContainer {
            name: Some(forwarder.clone()),
            image: IMAGE.into(),
            cmd: ["sh", "-c", &forward].into(),
            host_config: HostConfig {
                network_mode: "host".into(),
                ..Default::default()
            },
            ..Default::default()
        };
        let containers = subject.docker.containers();
        containers.create(container).await.unwrap();
        containers
            .start(&forwarder, StartContainer::default())
            .await
            .unwrap();
        Self {
            image: format!("{name}/{REPOSITORY}:1"),
            name,
            requests,
            serving,
            forwarder,
        }
    }

    /// The requests so far, in their order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) async fn stop(self, subject: &Subject) {
        self.serving.abort();
        let force = RemoveContainer {
            force: true,
            ..Default::default()
        };
        let containers = subject.docker.containers();
        containers.remove(&self.forwarder, force).await.unwrap();
    }
}

/// The address of this machine at which `host` reaches it.
fn address_towards(host: IpAddr) -> IpAddr {
    // Connecting a UDP socket sends nothing.
    let socket = UdpSocket::bind(("0.0.0.0", 0)).unwrap();
    socket.connect((host, 9)).unwrap();
    socket.local_addr().unwrap().ip()
}

/// The contents of the registry.
struct Site {
    name: String,
    /// Contents and media type by path.
    contents: BTreeMap<String, (Vec<u8>, &'static str)>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn new(name: &str, requests: Arc<Mutex<Vec<String>>>) -> Self {
        let mut layer = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(MARKER.len() as u64);
        layer
            .append_data(&mut header, "marker", MARKER.as_bytes())
            .unwrap();
        let layer = layer.into_inner().unwrap();
        let digest = |bytes: &[u8]| format!("sha256:{}", hex(&Sha256::digest(bytes)));
        let config = serde_json::json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let part = |bytes: &[u8], kind: &str| serde_json::json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part(&config, "application/vnd.oci.image.config.v1+json"),
            "layers": [part(&layer, "application/vnd.oci.image.layer.v1.tar")],
        });
        let manifest = manifest.to_string().into_bytes();
        let at = |kind: &str, name: &str| format!("/v2/{REPOSITORY}/{kind}/{name}");
        let blob = "application/octet-stream";
        let contents = [
            ("/v2/".to_owned(), (Vec::new(), blob)),
            (at("blobs", &digest(&layer)), (layer, blob)),
            (at("blobs", &digest(&config)), (config, blob)),
            (at("manifests", &digest(&manifest)), (manifest.clone(), MANIFEST)),
            (at("manifests", "1"), (manifest, MANIFEST)),
        ];
        Self {
            name: name.to_owned(),
            contents: contents.into(),
            requests,
        }
    }

    /// The status, further headers, and the body.
    fn answer(&self, path: &str, authorization: &str, posted: &str) -> (u16, String, Vec<u8>) {
        if path == "/token" {
            let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
            let posts = posted.contains(&format!("password={PASSWORD}"));
            return match authorization == basic || posts {
                true => {
                    let token = serde_json::json!({"token": TOKEN, "access_token": TOKEN, "expires_in": 300});
                    (
                        200,
                        "Content-Type: application/json\r\n".into(),
                        token.to_string().into(),
                    )
                }
                false => (401, String::new(), Vec::new()),
            };
        }
        if authorization != format!("Bearer {TOKEN}") {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"tests\",scope=\"repository:{REPOSITORY}:pull\"\r\n",
                self.name
            );
            return (401, challenge, Vec::new());
        }
        match self.contents.get(path) {
            Some((bytes, kind)) => {
                let digest = format!("sha256:{}", hex(&Sha256::digest(bytes)));
                let headers = format!("Content-Type: {kind}\r\nDocker-Content-Digest: {digest}\r\n");
                (200, headers, bytes.clone())
            }
            None => (404, String::new(), Vec::new()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn answer_all(stream: TcpStream, site: Arc<Site>) {
    let mut stream = BufReader::new(stream);
    if let Ok([0x16, ..]) = stream.fill_buf().await {
        // An engine tries TLS first, and goes on without it after such an answer.
        drop(stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await);
        return;
    }
    while let Some((method, path, headers)) = head(&mut stream).await {
        let length = headers.get("content-length").and_then(|text| text.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let authorization = headers.get("authorization").map_or("", String::as_str);
        let path = path.split('?').next().unwrap_or_default();
        let (status, more, bytes) = site.answer(path, authorization, &String::from_utf8_lossy(&body));
        site.requests
            .lock()
            .unwrap()
            .push(format!("{method} {path} {status}"));
        let mut reply = format!(
            "HTTP/1.1 {status} -\r\n{more}Content-Length: {}\r\n\r\n",
            bytes.len()
        );
        if method != "HEAD" {
            // The bodies are binary, so that they are sent on their own.
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
            reply.clear();
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The method, the target and the headers of a request; `None` at the end or for another protocol.
async fn head(stream: &mut BufReader<TcpStream>) -> Option<(String, String, BTreeMap<String, String>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => return Some((method, target, headers)),
        };
    }
}
