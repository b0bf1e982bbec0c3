//! Calls of BuildKit's own interface, `moby.buildkit.v1.Control`, over gRPC.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, HeaderName, TE};
use http::{HeaderValue, Request, StatusCode};
use tokio::task::JoinSet;

use super::grpc::{Incoming, LONGEST_ANSWER, MEDIA_TYPE, put, send, status_of};
use super::server::LONGEST_HEADERS;
use super::tunnel::tunnel;
use crate::client::Docker;
use crate::connect::BoxStream;
use crate::error::Error;
use crate::sessions::OpenSession;
use crate::version::Version;
use crate::wire::decode::Bare;
use crate::wire::operation::Operation;

/// The first API version whose engines accept gRPC on their own address.
const DIRECT: Version = Version::new(1, 53);

/// A path for gRPC over an upgraded HTTP/1.1 connection. Newer engines do not have it. The API
/// description does not contain it.
static UPGRADE: Operation<Bare> = Operation::post("Grpc", "/grpc").success(&[101]);

/// Whether the engine accepts gRPC on its own address.
pub(super) async fn is_direct(docker: &Docker) -> Result<bool, Error> {
    Ok(docker.version().await? >= DIRECT)
}

/// A connection to BuildKit. Dropping it ends the connection and all its calls.
pub(super) struct Control {
    client: SendRequest<Bytes>,
    tasks: JoinSet<()>,
}

impl Control {
    /// Connects to BuildKit on the engine's own address.
    pub(super) async fn direct(docker: &Docker) -> Result<Self, String> {
        let connecting = async {
            let stream = docker.connector().connect().await;
            Self::over(stream.map_err(|error| error.to_string())?).await
        };
        match docker.timeouts().connect {
            Some(limit) => tokio::time::timeout(limit, connecting)
                .await
                .map_err(|_| format!("no connection within {limit:?}"))?,
            None => connecting.await,
        }
    }

    /// Connects to BuildKit over an upgraded HTTP/1.1 connection.
    pub(super) async fn upgraded(docker: &Docker) -> Result<Self, Error> {
        let upgrade = HeaderValue::from_static("h2c");
        let stream = docker.call(&UPGRADE).header("upgrade", upgrade).send().await?;
        Self::over(stream).await.map_err(Error::protocol)
    }

    pub(super) async fn over(stream: BoxStream) -> Result<Self, String> {
        let text = |error: h2::Error| error.to_string();
        let handshake = h2::client::Builder::new()
            .initial_window_size(1 << 20)
            .initial_connection_window_size(1 << 20)
            .enable_push(false)
            .max_header_list_size(LONGEST_HEADERS)
            .handshake(stream);
        let (client, connection) = handshake.await.map_err(text)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async {
            // The calls report its errors, too.
            drop(connection.await);
        });
        let client = client.ready().await.map_err(text)?;
        Ok(Self { client, tasks })
    }

    /// Begins a call. Returns when the engine has begun to reply.
    async fn begin(
        &mut self,
        method: &str,
        headers: impl Iterator<Item = (&'static str, HeaderValue)>,
        message: Option<&[u8]>,
    ) -> Result<(Incoming, SendStream<Bytes>), String> {
        let text = |error: h2::Error| error.to_string();
        let mut request = Request::post(format!("http://localhost/moby.buildkit.v1.Control/{method}"))
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header(TE, HeaderValue::from_static("trailers"));
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        let request = request.body(()).map_err(|error| error.to_string())?;
        let (response, mut outgoing) = self.client.send_request(request, false).map_err(text)?;
        if let Some(message) = message {
            let mut frame = BytesMut::new();
            put(&mut frame, message);
            send(&mut outgoing, frame.freeze())
                .await
                .map_err(|status| status.message)?;
            outgoing.send_data(Bytes::new(), true).map_err(text)?;
        }
        let response = response.await.map_err(text)?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status().as_u16()));
        }
        if response.headers().contains_key("grpc-status") {
            status_of(response.headers())?;
        }
        Ok((Incoming::new(response.into_body(), LONGEST_ANSWER), outgoing))
    }

    /// Makes a call with one message, and returns the stream of replies.
    pub(super) async fn call(&mut self, method: &str, message: &[u8]) -> Result<Incoming, String> {
        let (incoming, _ended) = self.begin(method, std::iter::empty(), Some(message)).await?;
        Ok(incoming)
    }

    /// A second handle of the connection. The connection ends with the first one.
    pub(super) fn again(&self) -> Self {
        Self {
            client: self.client.clone(),
            tasks: JoinSet::new(),
        }
    }

    /// Opens a session. The messages of a call carry its connection. `limit` is the timeout of the
    /// reply.
    pub(super) async fn session(
        mut self,
        session: &OpenSession,
        limit: Option<Duration>,
    ) -> Result<BoxStream, String> {
        // The engine replies when it has begun to use the session.
        let begun = self.begin("Session", session.headers(), None);
        let (incoming, outgoing) = match limit {
            None => begun.await?,
            Some(limit) => match tokio::time::timeout(limit, begun).await {
                Ok(begun) => begun?,
                Err(_) => return Err("the engine does not answer".into()),
            },
        };
        Ok(tunnel(self.tasks, incoming, outgoing))
    }
}
