//! What all calls of one client share: connections, timeouts and the API version.

use std::sync::Arc;

use http::{HeaderMap, Method};
use tokio::sync::OnceCell;

use super::body::Body;
use super::reply::CallContext;
use super::send::{PreparedRequest, Wire};
use super::single_flight::SingleFlight;
use super::status;
use super::timer::Timer;
use crate::connect::Connector;
use crate::error::{Cause, Error, Phase, Result};
use crate::timeouts::Timeouts;
use crate::version::Version;

/// What a client holds. Clones share connections and the negotiated version.
#[derive(Clone)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    pub(crate) timeouts: Timeouts,
    /// Set by the user; then the engine is not asked.
    pub(crate) pinned_version: Option<Version>,
}

struct Shared {
    wire: Wire,
    engine: OnceCell<Engine>,
    pulls: SingleFlight,
}

/// What the first ping reported.
#[derive(Debug, Clone, Copy)]
struct Engine {
    /// The version in use: the engine's, or ours if that is older.
    version: Version,
    podman: bool,
}

impl Session {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        let shared = Shared {
            wire: Wire::new(connector),
            engine: OnceCell::new(),
            pulls: SingleFlight::default(),
        };
        Self {
            shared: Arc::new(shared),
            timeouts: Timeouts::default(),
            pinned_version: None,
        }
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.shared.wire
    }

    /// The pulls of images that are in progress.
    pub(crate) fn pulls(&self) -> &SingleFlight {
        &self.shared.pulls
    }

    /// The version in use, if it is known without asking the engine.
    pub(crate) fn known_version(&self) -> Option<Version> {
        self.pinned_version
            .or_else(|| self.shared.engine.get().map(|engine| engine.version))
    }

    /// Whether the engine is Podman; `None` if it has not been asked, because its version was set
    /// by the user.
    pub(crate) fn is_podman(&self) -> Option<bool> {
        self.shared.engine.get().map(|engine| engine.podman)
    }

    /// The version in use; asks the engine once. A failure is not remembered.
    pub(crate) async fn version(&self) -> Result<Version> {
        if let Some(version) = self.known_version() {
            return Ok(version);
        }
        // Boxed, because it is large and runs once per client.
        let engine = self.shared.engine.get_or_try_init(|| Box::pin(self.negotiate()));
        Ok(engine.await?.version)
    }

    async fn negotiate(&self) -> Result<Engine> {
        // HEAD has no body to read. A server that does not know it may answer GET, or at least send
        // a message with its error.
        let headers = match self.ping(Method::HEAD, "SystemPingHead").await {
            Err(error) if error.status().is_some() => self.ping(Method::GET, "SystemPing").await?,
            other => other?,
        };
        let text = headers
            .get("api-version")
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                Error::protocol(
                    "the engine did not report its API version; \
                     if it is a Docker engine, set DOCKER_API_VERSION",
                )
            })?;
        let engine_version: Version = text.parse().map_err(|_invalid| invalid(text))?;
        if engine_version < Version::OLDEST {
            return Err(Error::local(Cause::NeedsApi {
                what: "this client",
                since: Version::OLDEST,
                used: engine_version,
                hint: "use Docker 20.10 or later",
            }));
        }
        Ok(Engine {
            version: engine_version.min(Version::NEWEST),
            podman: headers.contains_key("libpod-api-version"),
        })
    }

    /// Sends a ping, and returns the headers of the reply.
    async fn ping(&self, method: Method, operation: &'static str) -> Result<HeaderMap> {
        let context = CallContext::new(operation);
        let request = PreparedRequest {
            method,
            target: format!("{}/_ping", self.wire().connector.base_path()),
            headers: HeaderMap::new(),
            body: Body::Empty,
        };
        let total = Timer::start(Phase::Total, self.timeouts.total);
        let sent = self.wire().round_trip(request, &self.timeouts, total).await;
        let (head, mut body) = sent.map_err(|cause| context.error(cause))?;
        if !head.status.is_success() {
            return Err(context.add(status::error(&head, &mut body).await));
        }
        body.drain().await.map_err(|cause| context.error(cause))?;
        Ok(head.headers)
    }
}

fn invalid(text: &str) -> Error {
    let shown: String = text.chars().take(40).collect();
    Error::protocol(format!("the engine reported an invalid API version {shown:?}"))
}
