//! Whether a web server replies.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Note, Pause};
use crate::environment::endpoint::Endpoint;
use crate::environment::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::wait_for::HttpProbe;

/// Timeout of one reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

impl Shared {
    /// Waits until a web server replies with the status.
    pub(super) async fn replies(&self, probe: &HttpProbe, note: &Note) -> Result<()> {
        let mut pause = Pause::default();
        loop {
            let Some(at) = self.endpoint_of(probe.port).await? else {
                if !self.publishes(probe.port) {
                    let why = format!(
                        "port {} is not published; publish it to wait for its replies",
                        probe.port
                    );
                    return Err(Error::invalid(why));
                }
                note.set(Some(format!("port {} is not published yet", probe.port)));
                pause.sleep().await;
                continue;
            };
            if !at.reachable {
                let why = format!(
                    "{at} of another machine cannot be reached from here; publish it on another address"
                );
                return Err(Error::new(ErrorKind::Unavailable, why));
            }
            let replied = timeout(REPLY_TIMEOUT, get(&at, &probe.path)).await;
            let seen = match replied {
                Ok(Ok(status)) if expected(probe, status) => {
                    note.set(None);
                    return Ok(());
                }
                Ok(Ok(status)) => format!("status {status}"),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no reply within {} s", REPLY_TIMEOUT.as_secs()),
            };
            note.set(Some(format!("http://{at}{}: {seen}", probe.path)));
            pause.sleep().await;
        }
    }
}

fn expected(probe: &HttpProbe, status: StatusCode) -> bool {
    match probe.status {
        Some(expected) => status.as_u16() == expected,
        None => (200..400).contains(&status.as_u16()),
    }
}

/// Sends one GET request; returns the status of the reply. The body is not read.
async fn get(
    at: &Endpoint,
    path: &str,
) -> std::result::Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect((at.host.as_str(), at.host_port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(HOST, at.to_string())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let reply = sender.send_request(request);
    tokio::pin!(connection, reply);
    let reply = tokio::select! {
        biased;
        reply = &mut reply => reply?,
        // The reply may have arrived together with the end of the connection.
        ended = &mut connection => {
            ended?;
            reply.await?
        }
    };
    Ok(reply.status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::published_port::Protocol;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn replied(reply: &'static str) -> std::result::Result<u16, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = Endpoint::new(
            80,
            Protocol::Tcp,
            "127.0.0.1",
            listener.local_addr().unwrap().port(),
        );
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let status = get(&at, "/health?x=1").await;
        assert!(server.await.unwrap().starts_with("GET /health?x=1 HTTP/1.1\r\n"));
        status
            .map(|status| status.as_u16())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn status_is_read_from_the_reply() {
        assert_eq!(replied("HTTP/1.1 204 No Content\r\n\r\n").await, Ok(204));
        assert_eq!(
            replied("HTTP/1.1 503 X\r\nContent-Length: 100000\r\n\r\nbody").await,
            Ok(503)
        );
        assert!(replied("").await.is_err());
        assert!(replied("SSH-2.0-OpenSSH\r\n").await.is_err());
    }

    #[test]
    fn status_from_200_to_399_counts() {
        let probe = |status| HttpProbe {
            port: 1,
            path: "/".into(),
            status,
        };
        let is = |wanted, status: u16| expected(&probe(wanted), StatusCode::from_u16(status).unwrap());
        assert!(is(None, 200) && is(None, 302) && !is(None, 404) && !is(None, 503));
        assert!(is(Some(503), 503) && !is(Some(503), 200));
    }
}
