//! Requests to registries, over the connections of the client of the Docker daemon.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine_api::connect::{Connector, TcpConnector};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::registry_access::RegistryAccess;
use crate::error::{Error, ErrorKind, Result};
use crate::short::short;
use crate::snapshots::archive_entries::corrupt;

/// How long a connection, or the next piece of a reply, may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server of a registry.
#[derive(Debug, Clone)]
pub(super) struct Server {
    host: String,
    port: u16,
    tls: bool,
    /// The certificates.
    access: Arc<RegistryAccess>,
    /// Whether it is the registry itself, and not a server to which that refers.
    is_registry: bool,
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.port, self.tls) == (&other.host, other.port, other.tls)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.tls { 443 } else { 80 };
        match self.port == default {
            true => f.write_str(&self.host),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Server {
    /// Reads `host[:port]`. One on this machine has no TLS, as for Docker, unless it is asked for.
    pub(super) fn parse(text: &str, access: RegistryAccess) -> Result<Self> {
        let invalid = || {
            Error::invalid(format!(
                "{text:?} is not a registry; write host[:port]",
                text = short(text)
            ))
        };
        let uri: Uri = format!("https://{text}").parse().map_err(|_| invalid())?;
        let host = uri.host().ok_or_else(invalid)?;
        let plain = host.trim_matches(['[', ']']);
        let address = plain.parse::<std::net::IpAddr>();
        let is_here = plain == "localhost" || address.is_ok_and(|address| address.is_loopback());
        let tls = access.asks_for_tls() || (!access.insecure && !is_here);
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            access: Arc::new(access),
            is_registry: true,
        })
    }

    /// The server and the path of an address, which may be a path of this server.
    pub(super) fn at(&self, uri: &Uri) -> Result<(Self, String)> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let Some(host) = uri.host() else {
            return Ok((self.clone(), path));
        };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            // A connection that began with TLS goes on with it.
            Some("http") if !self.tls => false,
            _ => {
                let why = format!("the registry {self} refers to an address without TLS");
                return Err(Error::new(ErrorKind::Unavailable, why));
            }
        };
        let mut server = Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            access: Arc::clone(&self.access),
            is_registry: false,
        };
        server.is_registry = self.is_registry && server == *self;
        Ok((server, path))
    }

    fn connector(&self) -> Result<Box<dyn Connector>> {
        let host = self.host.trim_matches(['[', ']']);
        match self.tls {
            true => tls_connector(host, self.port, &self.access, self.is_registry),
            false => Ok(Box::new(TcpConnector::new(host, self.port))),
        }
    }
}

/// Only the registry itself gets the certificate of the client, and only its own certificate may be
/// left unverified.
#[cfg(feature = "tls")]
fn tls_connector(
    host: &str,
    port: u16,
    access: &RegistryAccess,
    is_registry: bool,
) -> Result<Box<dyn Connector>> {
    use engine_api::connect::{TlsConfig, TlsConnector};
    let own = |pem: &Vec<u8>| match is_registry {
        true => pem.clone(),
        false => Vec::new(),
    };
    let config = TlsConfig {
        ca: access.ca.clone(),
        system_ca: true,
        cert: own(&access.cert),
        key: own(&access.key),
        skip_verify: access.skip_verify && is_registry,
    };
    let connector = TlsConnector::new(host, port, &config);
    Ok(Box::new(connector.map_err(|error| {
        Error::invalid(format!("the registry {host} cannot be reached with TLS: {error}"))
    })?))
}

#[cfg(not(feature = "tls"))]
fn tls_connector(host: &str, _: u16, _: &RegistryAccess, _: bool) -> Result<Box<dyn Connector>> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("the registry {host} needs TLS, for which the feature `tls` of this crate is off"),
    ))
}

/// The error of a server that does not answer.
pub(super) fn unreachable(server: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot reach {server}: {why}"))
}

/// Sends a GET request.
pub(super) async fn get(
    server: &Server,
    path: &str,
    headers: &[(HeaderName, &str)],
    authorization: Option<HeaderValue>,
) -> Result<Response<Incoming>> {
    send(server, Method::GET, path, headers, authorization, Bytes::new()).await
}

/// Sends a form.
pub(super) async fn post(server: &Server, path: &str, form: String) -> Result<Response<Incoming>> {
    let headers = [(CONTENT_TYPE, "application/x-www-form-urlencoded")];
    send(server, Method::POST, path, &headers, None, form.into()).await
}

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(HeaderName, &str)],
    authorization: Option<HeaderValue>,
    body: Bytes,
) -> Result<Response<Incoming>> {
    let failed = |why: String| unreachable(&server.to_string(), &why);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, server.to_string())
        .header(USER_AGENT, concat!("isolate/", env!("CARGO_PKG_VERSION")));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    if let Some(mut value) = authorization {
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Full::new(body))
        .map_err(|error| failed(error.to_string()))?;
    let connector = server.connector()?;
    let answered = timeout(TIMEOUT, async {
        let stream = connector.connect().await.map_err(|error| whole(&error))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| whole(&error))?;
        // It ends with the reply.
        let connection = tokio::spawn(connection);
        match sender.send_request(request).await {
            Ok(reply) => Ok(reply),
            // The error of the connection is the cause.
            Err(error) => Err(match connection.await {
                Ok(Err(cause)) => whole(&cause),
                _ => whole(&error),
            }),
        }
    });
    match answered.await {
        Ok(answered) => answered.map_err(failed),
        Err(_) => Err(failed(format!("no reply within {} s", TIMEOUT.as_secs()))),
    }
}

/// The texts of an error and its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = error.source();
    }
    text
}

/// Reads a short body.
pub(super) async fn collect(reply: Response<Incoming>, most: usize) -> Result<Vec<u8>> {
    let mut body = reply.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = next(&mut body).await? {
        if bytes.len() + frame.len() > most {
            return Err(corrupt(format!("the registry sent more than {most} bytes")));
        }
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes)
}

/// The next piece of a body.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>> {
    loop {
        let frame = timeout(TIMEOUT, body.frame()).await;
        let frame = frame.map_err(|_| unreachable("the registry", "it stopped sending"))?;
        match frame {
            None => return Ok(None),
            Some(frame) => {
                let frame = frame.map_err(|error| unreachable("the registry", &error.to_string()))?;
                // Trailers have no data.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn parse(text: &str, insecure: bool) -> Server {
        let access = RegistryAccess {
            insecure,
            ..RegistryAccess::default()
        };
        Server::parse(text, access).unwrap()
    }

    #[test]
    fn registry_of_this_machine_has_no_tls() {
        for (text, shown, tls, port) in [
            ("registry.test", "registry.test", true, 443),
            ("registry.test:5000", "registry.test:5000", true, 5000),
            ("localhost:5000", "localhost:5000", false, 5000),
            ("127.0.0.1", "127.0.0.1", false, 80),
            ("[::1]:5000", "[::1]:5000", false, 5000),
        ] {
            let server = parse(text, false);
            assert_eq!(
                (server.to_string().as_str(), server.tls, server.port),
                (shown, tls, port)
            );
        }
        assert!(!parse("registry.test", true).tls);
        Server::parse("a b", RegistryAccess::default()).unwrap_err();
        let access = RegistryAccess {
            skip_verify: true,
            ..RegistryAccess::default()
        };
        let asked = Server::parse("localhost", access).unwrap();
        assert!(asked.tls && asked.port == 443);
    }

    #[test]
    fn redirection_never_leaves_tls() {
        let server = parse("registry.test", false);
        let at = |uri: &str| server.at(&uri.parse().unwrap());
        let (other, path) = at("https://cdn.test/x?y=1").unwrap();
        assert_eq!(
            (other.to_string().as_str(), path.as_str()),
            ("cdn.test", "/x?y=1")
        );
        assert!(!other.is_registry, "it gets no certificate of the client");
        assert!(at("https://registry.test:443/x").unwrap().0.is_registry);
        assert_eq!(at("/v2/x").unwrap(), (server.clone(), "/v2/x".to_owned()));
        at("http://cdn.test/x").unwrap_err();
        let plain = parse("localhost:5000", false);
        assert!(plain.at(&"http://cdn.test/x".parse().unwrap()).is_ok());
    }

    /// A server that answers one request with these bytes. Returns it as a registry.
    fn answering(reply: &'static str) -> (Server, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = parse(&listener.local_addr().unwrap().to_string(), false);
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            // The form is the last part of a request.
            while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"end=yes") {
                let read = stream.read(&mut piece).unwrap();
                assert!(read > 0, "{request:?}");
                request.extend_from_slice(&piece[..read]);
            }
            stream.write_all(reply.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (server, thread)
    }

    #[tokio::test]
    async fn reply_has_a_limit_and_may_have_trailers() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n\
                       5\r\nhello\r\n0\r\nX-End: yes\r\n\r\n";
        let (server, thread) = answering(chunked);
        let reply = get(&server, "/x", &[], None).await.unwrap();
        assert_eq!(collect(reply, 5).await.unwrap(), b"hello");
        thread.join().unwrap();
        let (server, thread) = answering(chunked);
        let reply = get(&server, "/x", &[], None).await.unwrap();
        let error = collect(reply, 4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("more than 4 bytes"), "{error}");
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn form_is_sent_as_one() {
        let (server, thread) = answering("HTTP/1.1 204 No Content\r\n\r\n");
        let reply = post(&server, "/token?x=1", "a=b&end=yes".to_owned())
            .await
            .unwrap();
        assert_eq!(reply.status(), 204);
        let request = thread.join().unwrap();
        assert!(request.starts_with("POST /token?x=1 HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains("content-type: application/x-www-form-urlencoded\r\n"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\na=b&end=yes"), "{request}");
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_is_silent_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = parse(&listener.local_addr().unwrap().to_string(), false);
        let error = get(&server, "/x", &[], None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("no reply within 60 s"), "{error}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn certificate_that_is_damaged_is_an_error() {
        let access = RegistryAccess {
            ca: b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n".to_vec(),
            ..RegistryAccess::default()
        };
        let server = Server::parse("registry.test", access).unwrap();
        let error = server.connector().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains("registry.test cannot be reached with TLS"),
            "{text}"
        );
    }
}
