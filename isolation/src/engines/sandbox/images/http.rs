//! Requests to registries, over the connections of the client of the Docker daemon.

use std::fmt;
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

use super::entries::corrupt;
use crate::error::{Error, ErrorKind, Result};

/// How long a connection, or the next piece of a reply, may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    host: String,
    port: u16,
    tls: bool,
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
    /// Reads `host[:port]`. One on this machine has no TLS, as for Docker.
    pub(super) fn parse(text: &str, insecure: bool) -> Result<Self> {
        let invalid = || Error::invalid(format!("{text:?} is not a registry; write host[:port]"));
        let uri: Uri = format!("https://{text}").parse().map_err(|_| invalid())?;
        let host = uri.host().ok_or_else(invalid)?;
        let plain = host.trim_matches(['[', ']']);
        let address = plain.parse::<std::net::IpAddr>();
        let is_here = plain == "localhost" || address.is_ok_and(|address| address.is_loopback());
        let tls = !insecure && !is_here;
        Ok(Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
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
            // What began with TLS goes on with it.
            Some("http") if !self.tls => false,
            _ => {
                let why = format!("the registry {self} refers to an address without TLS");
                return Err(Error::new(ErrorKind::Unavailable, why));
            }
        };
        let server = Self {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
        };
        Ok((server, path))
    }

    fn connector(&self) -> Result<Box<dyn Connector>> {
        let host = self.host.trim_matches(['[', ']']);
        match self.tls {
            true => tls_connector(host, self.port),
            false => Ok(Box::new(TcpConnector::new(host, self.port))),
        }
    }
}

#[cfg(feature = "tls")]
fn tls_connector(host: &str, port: u16) -> Result<Box<dyn Connector>> {
    use engine_api::connect::{TlsConfig, TlsConnector};
    let connector = TlsConnector::new(host, port, &TlsConfig::default());
    Ok(Box::new(
        connector.map_err(|error| unreachable(host, &error.to_string()))?,
    ))
}

#[cfg(not(feature = "tls"))]
fn tls_connector(host: &str, _: u16) -> Result<Box<dyn Connector>> {
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
        let stream = connector.connect().await.map_err(|error| error.to_string())?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        // It ends with the reply.
        tokio::spawn(connection);
        let reply = sender.send_request(request).await;
        reply.map_err(|error| error.to_string())
    });
    match answered.await {
        Ok(answered) => answered.map_err(failed),
        Err(_) => Err(failed(format!("no reply within {} s", TIMEOUT.as_secs()))),
    }
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
    use super::*;

    #[test]
    fn registry_of_this_machine_has_no_tls() {
        for (text, shown, tls, port) in [
            ("registry.test", "registry.test", true, 443),
            ("registry.test:5000", "registry.test:5000", true, 5000),
            ("localhost:5000", "localhost:5000", false, 5000),
            ("127.0.0.1", "127.0.0.1", false, 80),
            ("[::1]:5000", "[::1]:5000", false, 5000),
        ] {
            let server = Server::parse(text, false).unwrap();
            assert_eq!(
                (server.to_string().as_str(), server.tls, server.port),
                (shown, tls, port)
            );
        }
        assert!(!Server::parse("registry.test", true).unwrap().tls);
        Server::parse("a b", false).unwrap_err();
    }

    #[test]
    fn redirection_never_leaves_tls() {
        let server = Server::parse("registry.test", false).unwrap();
        let at = |uri: &str| server.at(&uri.parse().unwrap());
        let (other, path) = at("https://cdn.test/x?y=1").unwrap();
        assert_eq!(
            (other.to_string().as_str(), path.as_str()),
            ("cdn.test", "/x?y=1")
        );
        assert_eq!(at("/v2/x").unwrap(), (server.clone(), "/v2/x".to_owned()));
        at("http://cdn.test/x").unwrap_err();
        let plain = Server::parse("localhost:5000", false).unwrap();
        assert!(plain.at(&"http://cdn.test/x".parse().unwrap()).is_ok());
    }
}
