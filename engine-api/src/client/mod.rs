//! The client of one engine.

mod discover;

use std::fmt;
use std::sync::Arc;

use crate::connect::{self, Address, Connector};
use crate::error::Result;
use crate::timeouts::Timeouts;
use crate::version::Version;
use crate::wire::call::Call;
use crate::wire::decode::Shape;
use crate::wire::operation::Operation;
use crate::wire::raw_call::RawCall;
use crate::wire::session::Session;
use crate::wire::single_flight::SingleFlight;

/// A client of one engine.
///
/// Cloning is cheap, and clones share connections; a client may live in a `static` and be used from
/// one Tokio runtime after another. Nothing is sent before the first call, which then asks the engine
/// for its version once.
///
/// ```no_run
/// # async fn demo() -> engine_api::Result<()> {
/// let docker = engine_api::Docker::from_env().await?;
/// println!("the engine speaks API {}", docker.version().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Docker {
    session: Session,
}

impl Docker {
    /// A client of the engine at an address, whatever the environment says.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Unsupported`] where this build cannot connect to such an address.
    pub fn with_address(address: &Address) -> Result<Self> {
        Ok(Self::over(Arc::from(address.connector()?)))
    }

    /// A client of the engine at a Unix socket.
    #[cfg(unix)]
    pub fn unix(path: impl AsRef<std::path::Path>) -> Self {
        Self::with_connector(connect::UnixConnector::new(path))
    }

    /// A client of the engine at a host and port, without TLS.
    pub fn tcp(host: &str, port: u16) -> Self {
        Self::with_connector(connect::TcpConnector::new(host, port))
    }

    /// A client over byte streams of the caller's.
    pub fn with_connector(connector: impl Connector) -> Self {
        Self::over(Arc::new(connector))
    }

    pub(crate) fn over(connector: Arc<dyn Connector>) -> Self {
        Self {
            session: Session::new(connector),
        }
    }

    /// The same client, on the same connections, with other limits.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.session.timeouts = timeouts;
        self
    }

    /// The same client, on the same connections, speaking `version` without asking the engine.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.session.pinned_version = Some(version);
        self
    }

    /// Where the engine is, as in `DOCKER_HOST`.
    pub fn address(&self) -> String {
        self.session.wire().connector.address()
    }

    /// What opens the connections: for a recorder, say, to stand between.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.session.wire().connector)
    }

    /// The limits of this client's calls.
    pub fn timeouts(&self) -> &Timeouts {
        &self.session.timeouts
    }

    /// The API version spoken with this engine: the newest that both sides know.
    ///
    /// The engine is asked once, with an unversioned `HEAD /_ping`; a failure is not remembered.
    ///
    /// # Errors
    ///
    /// When the engine cannot be asked, does not say its version, or is older than
    /// [`Version::OLDEST`].
    pub async fn version(&self) -> Result<Version> {
        self.session.version().await
    }

    /// A request by method and path, for what has no method here.
    pub fn raw<'a>(&'a self, method: &'a str, path_and_query: &'a str) -> RawCall<'a> {
        RawCall::new(&self.session, method, path_and_query)
    }

    pub(crate) fn call<'a, R: Shape>(&'a self, operation: &'static Operation<R>) -> Call<'a, R> {
        Call::new(&self.session, operation)
    }

    /// The pulls of images that this client and its clones have in progress.
    pub(crate) fn pulls(&self) -> &SingleFlight {
        self.session.pulls()
    }

    /// Whether the engine is Podman; see [`Session::is_podman`].
    pub(crate) fn is_podman(&self) -> Option<bool> {
        self.session.is_podman()
    }
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Docker")
            .field("address", &self.address())
            .field(
                "version",
                &self.session.known_version().map(|version| version.to_string()),
            )
            .finish_non_exhaustive()
    }
}
