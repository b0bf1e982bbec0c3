//! The client of one engine.

mod discover;
mod settings;

use std::fmt;
use std::sync::Arc;

use crate::connect::{self, Address, Connector};
use crate::error::Result;
use crate::reply_limits::ReplyLimits;
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
/// Clones are cheap and share connections. A client can be a `static` and be used from several
/// Tokio runtimes. Nothing is sent before the first call, which negotiates the API version once.
///
/// ```no_run
/// # async fn demo() -> engine_api::Result<()> {
/// let docker = engine_api::Docker::from_env().await?;
/// println!("API {}", docker.version().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Docker {
    session: Session,
}

impl Docker {
    /// A client of the engine at an address, without the settings of the environment. Nothing is
    /// sent.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Unsupported`] when this build cannot connect to such an address.
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

    /// A client that uses the byte streams of a connector.
    pub fn with_connector(connector: impl Connector) -> Self {
        Self::over(Arc::new(connector))
    }

    pub(crate) fn over(connector: Arc<dyn Connector>) -> Self {
        Self {
            session: Session::new(connector),
        }
    }

    /// The same client, on the same connections, with other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.session.timeouts = timeouts;
        self
    }

    /// The same client, on the same connections, with other limits of replies in memory.
    #[must_use]
    pub fn with_reply_limits(mut self, limits: ReplyLimits) -> Self {
        self.session.reply_limits = limits;
        self
    }

    /// The same client, on the same connections, with a fixed API version, which is not negotiated.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.session.pinned_version = Some(version);
        self
    }

    /// The address of the engine in the format of `DOCKER_HOST`.
    pub fn address(&self) -> String {
        self.session.wire().connector.address()
    }

    /// The connector of this client, for example for a recorder in front of it.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.session.wire().connector)
    }

    /// The timeouts of this client's calls.
    pub fn timeouts(&self) -> &Timeouts {
        &self.session.timeouts
    }

    /// The limits of replies in memory.
    pub fn reply_limits(&self) -> &ReplyLimits {
        &self.session.reply_limits
    }

    /// The API version in use: the newest one that the engine and this crate support.
    ///
    /// It is negotiated once, with `HEAD /_ping`. After a failure, the next call negotiates again.
    /// If a proxy refuses `/_ping` (403 or 404), the version is that of `/version`; if a proxy
    /// refuses both, it is [`Version::OLDEST`].
    ///
    /// # Errors
    ///
    /// When the engine does not answer, does not report its version, or is older than
    /// [`Version::OLDEST`].
    pub async fn version(&self) -> Result<Version> {
        self.session.version().await
    }

    /// A request by HTTP method and path, for an operation that has no Rust method.
    pub fn raw<'a>(&'a self, method: &'a str, path_and_query: &'a str) -> RawCall<'a> {
        RawCall::new(&self.session, method, path_and_query)
    }

    pub(crate) fn call<'a, R: Shape>(&'a self, operation: &'static Operation<R>) -> Call<'a, R> {
        Call::new(&self.session, operation)
    }

    /// The running pulls of images of this client and its clones.
    pub(crate) fn pulls(&self) -> &SingleFlight {
        self.session.pulls()
    }

    /// The host of an engine that is reached over the network; `None` for this machine.
    pub(crate) fn remote_host(&self) -> Option<String> {
        let address: Address = self.address().parse().ok()?;
        address.remote_host().map(str::to_owned)
    }

    /// Whether the engine is Podman; `None` before [`version`](Self::version), and if the version
    /// was set, because then the engine was not asked.
    pub fn is_podman(&self) -> Option<bool> {
        self.session.negotiated().map(|engine| engine.podman)
    }

    /// Whether the engine runs Windows containers; `None` in the same cases as
    /// [`is_podman`](Self::is_podman).
    pub fn is_windows(&self) -> Option<bool> {
        self.session.negotiated().map(|engine| engine.windows)
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
