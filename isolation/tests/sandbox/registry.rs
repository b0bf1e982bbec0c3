//! Images from a registry that gives tokens, refers to another server, and has layers that are
//! compressed with zstd.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use isolation::ErrorKind;
use isolation::engines::sandbox::images::{ImageSource, ImportImage, RegistryAccess, SandboxImage};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::images::{CONFIG, WithImage, architecture, digest, programs};
use crate::support::printed;

/// A server on this machine: paths and their replies, and the requests that it got.
struct Site {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Site {
    /// With `token`, a request without it is answered with the place of tokens. Without a reply, it
    /// refers to `elsewhere`.
    fn start(token: Option<&'static str>, elsewhere: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let site = Self {
            address: address.clone(),
            requests: Arc::default(),
            replies: Arc::default(),
        };
        let (requests, replies) = (Arc::clone(&site.requests), Arc::clone(&site.replies));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let (path, authorization) = head(&stream);
                requests.lock().unwrap().push(format!("{path} {authorization}"));
                let found = replies.lock().unwrap().get(&path).cloned();
                let (status, body) = match (token, found, &elsewhere) {
                    (Some(token), _, _) if path.starts_with("/token?") => {
                        ("200 OK".to_owned(), format!("{{\"token\":\"{token}\"}}").into())
                    }
                    (Some(token), _, _) if authorization != format!("Bearer {token}") => {
                        let realm = format!("Bearer realm=\"http://{address}/token\",service=\"test\"");
                        let status = format!("401 Unauthorized\r\nWWW-Authenticate: {realm}");
                        (status, Vec::new())
                    }
                    (_, Some(body), _) => ("200 OK".to_owned(), body),
                    (_, None, Some(other)) => {
                        let status = format!("307 Temporary Redirect\r\nLocation: http://{other}{path}");
                        (status, Vec::new())
                    }
                    _ => ("404 Not Found".to_owned(), Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let mut stream = &stream;
                // A client may end early.
                let _ = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&body));
            }
        });
        site
    }

    fn has(&self, path: &str, body: &[u8]) {
        self.replies
            .lock()
            .unwrap()
            .insert(path.to_owned(), body.to_vec());
    }
}

/// The path of a request, and its header `Authorization`.
fn head(stream: &TcpStream) -> (String, String) {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = String::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ") {
            if name.eq_ignore_ascii_case("authorization") {
                authorization = value.to_owned();
            }
        }
    }
    (path, authorization)
}

/// A registry with one image, whose layer is on another server. Returns both and the path of the
/// layer.
fn registry() -> (Site, Site, String) {
    let layer = programs();
    let packed = compress_to_vec(&layer[..], CompressionLevel::Fastest);
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{CONFIG},"rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        architecture(),
        digest(&layer)
    );
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"sha256:{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","digest":"sha256:{}","size":{}}}]}}"#,
        digest(config.as_bytes()),
        config.len(),
        digest(&packed),
        packed.len()
    );
    let store = Site::start(None, None);
    let registry = Site::start(Some("secret"), Some(store.address.clone()));
    let blob = |bytes: &[u8]| format!("/v2/team/app/blobs/sha256:{}", digest(bytes));
    registry.has("/v2/team/app/manifests/1", manifest.as_bytes());
    registry.has(&blob(config.as_bytes()), config.as_bytes());
    store.has(&blob(&packed), &packed);
    (registry, store, blob(&packed))
}

async fn import(fixture: &WithImage, name: &str) -> isolation::Result<SandboxImage> {
    let mut options = ImportImage::default();
    options.image = Some(name.to_owned());
    let source = ImageSource::Registry(RegistryAccess::default());
    fixture.engine().images().import(source, options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn image_comes_from_a_registry_with_tokens() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let (registry, store, _) = registry();
    let name = format!("{}/team/app:1", registry.address);
    let image = import(&fixture, &name).await.unwrap();
    assert_eq!(image.names, [name.as_str()]);
    let requests = registry.requests.lock().unwrap().clone();
    let token = "/token?scope=repository%3Ateam%2Fapp%3Apull&service=test ";
    assert!(requests.iter().any(|one| one == token), "{requests:?}");
    // The token belongs to the registry.
    let others = store.requests.lock().unwrap().clone();
    assert!(others.len() == 1 && others[0].ends_with(' '), "{others:?}");
    let environment = fixture.environment_of(&name).await.unwrap();
    assert_eq!(printed(&environment, "cat /data/kept").await, "one");
    environment.destroy().await.unwrap();

    let missing = import(&fixture, &format!("{}/team/app:2", registry.address)).await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layer_that_a_registry_has_changed_is_refused() {
    let Some(fixture) = WithImage::new().await else {
        return;
    };
    let before = fixture.files();
    let (registry, store, path) = registry();
    let mut layer = store.replies.lock().unwrap()[&path].clone();
    let middle = layer.len() / 2;
    layer[middle] ^= 1;
    store.has(&path, &layer);
    let name = format!("{}/team/app:1", registry.address);
    let error = import(&fixture, &name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    store.has(&path, &layer[..middle]);
    let error = import(&fixture, &name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(fixture.files(), before, "something is left");
    assert!(!error.to_string().contains("secret"), "{error}");
}
