//! The interface between the client and the engine: a byte stream, and the connector that opens it.

use std::fmt::Debug;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection to an engine, as bytes.
///
/// `poll_shutdown` closes only the write half; the engine can still send data on the read half. So
/// the client ends the standard input of a process in a container.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open [`ByteStream`] of any kind.
pub type BoxStream = Box<dyn ByteStream>;

/// A stream being opened.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send + 'a>>;

/// Opens byte streams to one engine.
///
/// ```
/// use engine_api::connect::{BoxStream, Connecting, Connector};
///
/// /// An engine that closes every connection.
/// #[derive(Debug)]
/// struct Closing;
///
/// impl Connector for Closing {
///     fn connect(&self) -> Connecting<'_> {
///         Box::pin(async {
///             let (ours, theirs) = tokio::io::duplex(1024);
///             drop(theirs);
///             Ok(Box::new(ours) as BoxStream)
///         })
///     }
///     fn address(&self) -> String {
///         "test://closing".into()
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let docker = engine_api::Docker::with_connector(Closing);
/// assert!(docker.system().ping().await.is_err());
/// # });
/// ```
pub trait Connector: Debug + Send + Sync + 'static {
    /// Opens a new stream.
    fn connect(&self) -> Connecting<'_>;

    /// The address of the engine in the format of `DOCKER_HOST`; errors contain it.
    fn address(&self) -> String;

    /// The prefix of every request path (`/base` of `tcp://host:2375/base`); empty by default.
    fn base_path(&self) -> &str {
        ""
    }

    /// The `Host` header. A Unix socket has no host name, so it gets a fixed one.
    fn host(&self) -> &str {
        "api.moby.localhost"
    }

    /// Whether "connection reset" proves that the engine closed the connection without reading the
    /// client's data, as on a Unix socket.
    ///
    /// If it does, a request that is not idempotent may use an idle connection: if the engine
    /// closes the connection at that moment, the client knows whether it may send the request
    /// again. Otherwise such a request gets a new connection.
    fn reset_means_unread(&self) -> bool {
        false
    }
}

/// Forwards to the connector inside a box or an `Arc`.
macro_rules! forward {
    ($($pointer:ty),+) => {$(
        impl Connector for $pointer {
            fn connect(&self) -> Connecting<'_> {
                (**self).connect()
            }
            fn address(&self) -> String {
                (**self).address()
            }
            fn base_path(&self) -> &str {
                (**self).base_path()
            }
            fn host(&self) -> &str {
                (**self).host()
            }
            fn reset_means_unread(&self) -> bool {
                (**self).reset_means_unread()
            }
        }
    )+};
}

forward!(Box<dyn Connector>, std::sync::Arc<dyn Connector>);

/// Fails outside a Tokio runtime, where Tokio itself would panic.
pub(super) fn in_runtime() -> io::Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other(
            "no Tokio runtime is running; call from inside one",
        )),
    }
}
