//! Registries that refuse, or send something other than an image. No sandbox is started.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use engine_api::auth::RegistryAuth;
use isolation::engines::sandbox::SandboxEngine;
use isolation::engines::sandbox::images::{ImageSource, ImportImage, RegistryAccess};
use isolation::{Error, ErrorKind};

use crate::images::{architecture, digest};
use crate::support::base;

/// A request: method and path, the header `Authorization`, and the body.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    authorization: String,
    body: String,
}

/// The status line with headers, and the body.
type Reply = (String, String);

fn ok(body: impl Into<String>) -> Reply {
    ("200 OK".to_owned(), body.into())
}

fn status(status: &str) -> Reply {
    (status.to_owned(), String::new())
}

/// A registry that asks for this authorization.
fn asks(challenge: &str) -> Reply {
    status(&format!("401 Unauthorized\r\nWWW-Authenticate: {challenge}"))
}

/// A server on this machine, and the requests that it got.
struct Site {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Site {
    /// The replies are those of a function of the server's address and the request.
    fn start(reply: impl Fn(&str, &Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let site = Self {
            address: address.clone(),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&stream);
                requests.lock().unwrap().push(request.clone());
                let (status, body) = reply(&address, &request);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                // A client may end early.
                let _ = stream.write_all(&[head.as_bytes(), body.as_bytes()].concat());
            }
        });
        site
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Imports an image of it, which fails, and leaves nothing.
    async fn refuses(&self, image: &str, auth: Option<RegistryAuth>) -> Error {
        let cache = base();
        let images = cache.path().join("images");
        let engine = SandboxEngine::below(cache.path()).with_cache(&images);
        let mut options = ImportImage::default();
        options.image = Some(format!("{}/{image}", self.address));
        let mut access = RegistryAccess::default();
        // Without credentials, those of the user of the test would be read.
        access.auth = Some(auth.unwrap_or_default());
        let source = ImageSource::Registry(access);
        let error = engine.images().import(source, options).await.unwrap_err();
        let left = std::fs::read_dir(&images).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "something is left: {error}");
        error
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        text.trim_end().to_owned()
    };
    let first = line();
    let mut request = Request {
        line: first.trim_end_matches(" HTTP/1.1").to_owned(),
        authorization: String::new(),
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request.body = String::from_utf8(body).unwrap();
    request
}

fn contains(error: &Error, kind: ErrorKind, words: &str) {
    let text = format!("{error:?}");
    assert!(error.kind() == kind && text.contains(words), "{words}: {text}");
}

#[tokio::test]
async fn reply_that_is_no_image_is_refused() {
    let site = Site::start(|_, request| match request.line.rsplit('/').next().unwrap() {
        "broken" => status("500 Internal Server Error"),
        "long" => ok(" ".repeat((4 << 20) + 1)),
        "text" => ok("hello"),
        "closed" => status("403 Forbidden"),
        "other" => ok(format!(
            r#"{{"manifests":[{{"digest":"sha256:{}"}}]}}"#,
            digest(b"x")
        )),
        _ => ok("{}"),
    });
    let wrong = format!("app@sha256:{}", digest(b"x"));
    for (image, kind, words) in [
        ("app:broken", ErrorKind::Unavailable, "replied with status 500"),
        ("app:long", ErrorKind::Corrupt, "the registry sent more than"),
        ("app:text", ErrorKind::Corrupt, "the manifest"),
        ("app:closed", ErrorKind::InvalidInput, "refuses access"),
        (
            "app:other",
            ErrorKind::Corrupt,
            "the digest of the manifest is not sha256:",
        ),
        (
            wrong.as_str(),
            ErrorKind::Corrupt,
            "the digest of the manifest is not sha256:",
        ),
    ] {
        let error = site.refuses(image, None).await;
        contains(&error, kind, words);
    }
}

/// Each list names the next one, by its digest.
#[tokio::test]
async fn list_of_lists_of_lists_is_refused() {
    let mut lists = vec!["{}".to_owned()];
    for _ in 0..9 {
        let last = digest(lists.last().unwrap().as_bytes());
        lists.push(format!(
            r#"{{"manifests":[{{"digest":"sha256:{last}","platform":{{"os":"linux","architecture":"{}"}}}}]}}"#,
            architecture()
        ));
    }
    let top = lists.last().unwrap().clone();
    let site = Site::start(move |_, request| {
        let name = request.line.rsplit('/').next().unwrap();
        let hex = name.trim_start_matches("sha256:");
        let found = lists.iter().find(|list| digest(list.as_bytes()) == hex);
        ok(found.unwrap_or(&top).as_str())
    });
    let error = site.refuses("app:1", None).await;
    contains(&error, ErrorKind::Corrupt, "list of lists of lists");
}

#[tokio::test]
async fn file_of_another_size_is_refused() {
    let config = "{}";
    let id = digest(config.as_bytes());
    for (size, more, words) in [
        (2, "and more", "has more than 2 bytes"),
        (3, "", "has 2 bytes instead of 3"),
        (1_u64 << 62, "", "has 2 bytes instead of 4611686018427387904"),
    ] {
        // The same file twice is downloaded once.
        let file = format!(r#"{{"digest":"sha256:{id}","size":{size}}}"#);
        let manifest = format!(r#"{{"config":{file},"layers":[{file}]}}"#);
        let site = Site::start(move |_, request| match request.line.contains("/blobs/") {
            true => ok(format!("{config}{more}")),
            false => ok(manifest.clone()),
        });
        let error = site.refuses("app:1", None).await;
        contains(&error, ErrorKind::Corrupt, words);
    }
    let file = format!(r#"{{"digest":"sha256:{id}","size":2}}"#);
    let manifest = format!(r#"{{"config":{file},"layers":[{file}]}}"#);
    let site = Site::start(move |_, request| match request.line.contains("/blobs/") {
        true => ok(config),
        false => ok(manifest.clone()),
    });
    site.refuses("app:1", None).await;
    let blobs = site
        .requests()
        .iter()
        .filter(|one| one.line.contains("/blobs/"))
        .count();
    assert_eq!(blobs, 1, "{:?}", site.requests());
}

/// The request to the registry, and whether an answer with this header is accepted.
async fn asked_with(challenge: &str, auth: RegistryAuth) -> (Error, Vec<Request>) {
    let challenge = challenge.to_owned();
    let site = Site::start(move |address, request| {
        let is_token = request.line.contains(" /token");
        match (is_token, request.authorization.as_str()) {
            (true, _) if request.line.contains("denied") => status("403 Forbidden"),
            (true, _) if request.line.contains("nothing") => ok("{}"),
            (true, _) => ok(r#"{"access_token":"given"}"#),
            (false, "Bearer given" | "Bearer mine") => status("404 Not Found"),
            _ => asks(&challenge.replace("SITE", &format!("http://{address}"))),
        }
    });
    let error = site.refuses("app:1", Some(auth)).await;
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    (error, site.requests())
}

const BEARER: &str = r#"Bearer realm="SITE/token",service="test""#;

#[tokio::test]
async fn token_of_the_user_is_sent_to_the_registry() {
    let auth = RegistryAuth {
        registry_token: "mine".to_owned(),
        ..RegistryAuth::default()
    };
    let (error, requests) = asked_with(BEARER, auth).await;
    contains(&error, ErrorKind::NotFound, "does not have it");
    let asked: Vec<_> = requests.iter().map(|one| one.authorization.as_str()).collect();
    assert_eq!(asked, ["", "Bearer mine"], "the server of tokens is not asked");
}

#[tokio::test]
async fn identity_token_is_exchanged_for_a_token() {
    let auth = RegistryAuth {
        identity_token: "s3cret/&1".to_owned(),
        ..RegistryAuth::default()
    };
    let (error, requests) = asked_with(BEARER, auth).await;
    contains(&error, ErrorKind::NotFound, "does not have it");
    assert_eq!(requests.len(), 3, "{requests:?}");
    let exchange = &requests[1];
    assert_eq!(
        (exchange.line.as_str(), exchange.authorization.as_str()),
        ("POST /token", "")
    );
    assert_eq!(
        exchange.body,
        "grant_type=refresh_token&client_id=isolate&refresh_token=s3cret%2F%261\
         &scope=repository%3Aapp%3Apull&service=test"
    );
    assert_eq!(requests[2].authorization, "Bearer given");
}

#[tokio::test]
async fn registry_that_gives_no_token_is_an_error() {
    let user = || RegistryAuth::user("me", "s3cret");
    let realm = |path: &str| format!(r#"Bearer realm="SITE/token/{path}""#);
    let (error, requests) = asked_with(&realm("denied"), user()).await;
    contains(&error, ErrorKind::InvalidInput, "gives no token (status 403");
    assert!(requests[1].authorization.starts_with("Basic "), "{requests:?}");
    let (error, _) = asked_with(&realm("nothing"), user()).await;
    contains(&error, ErrorKind::Unavailable, "no valid server of tokens");
    // Neither kind of authorization that this program has.
    let (error, requests) = asked_with("Negotiate", user()).await;
    contains(&error, ErrorKind::InvalidInput, "refuses access");
    assert!(
        requests.iter().all(|one| one.authorization.is_empty()),
        "{requests:?}"
    );
}
