//! Where the engine is, and how a byte stream to it is opened.
//!
//! Everything above works on a [`ByteStream`]; whatever can open one is a [`Connector`]: a Unix
//! socket, a named pipe of Windows, TCP, TLS (feature `tls`), ssh (feature `ssh`), a recorder, a player, a
//! fault injector in a test.
//!
//! ```
//! use engine_api::Docker;
//! use engine_api::connect::Address;
//!
//! let address: Address = "tcp://build-host:2375".parse()?;
//! let docker = Docker::with_address(&address)?; // nothing is sent yet
//! assert_eq!(docker.address(), "tcp://build-host:2375");
//! # Ok::<(), engine_api::Error>(())
//! ```

mod address;
mod context;
mod discover;
#[cfg(windows)]
mod npipe;
#[cfg(feature = "ssh")]
mod ssh;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod trust;
#[cfg(unix)]
mod unix;

use std::fmt::Debug;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

pub use address::Address;
pub use discover::probe_all;
pub(crate) use discover::{at, discover, in_context};
#[cfg(windows)]
pub use npipe::NamedPipeConnector;
#[cfg(feature = "ssh")]
pub use ssh::SshConnector;
pub use tcp::TcpConnector;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsConnector};
pub use trust::TlsError;
#[cfg(unix)]
pub use unix::UnixConnector;

/// A connection to an engine, as bytes.
///
/// `poll_shutdown` closes the write half only; the read half stays open for what the engine still
/// sends. That is how a process in a container learns that its standard input has ended.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open [`ByteStream`] of whatever kind.
pub type BoxStream = Box<dyn ByteStream>;

/// A stream being opened.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send + 'a>>;

/// Opens byte streams to one engine.
///
/// ```
/// use engine_api::connect::{BoxStream, Connecting, Connector};
///
/// /// An engine that hangs up on everybody.
/// #[derive(Debug)]
/// struct Rude;
///
/// impl Connector for Rude {
///     fn connect(&self) -> Connecting<'_> {
///         Box::pin(async {
///             let (ours, theirs) = tokio::io::duplex(1024);
///             drop(theirs);
///             Ok(Box::new(ours) as BoxStream)
///         })
///     }
///     fn address(&self) -> String {
///         "test://rude".into()
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let docker = engine_api::Docker::with_connector(Rude);
/// assert!(docker.system().ping().await.is_err());
/// # });
/// ```
pub trait Connector: Debug + Send + Sync + 'static {
    /// Opens a new stream.
    fn connect(&self) -> Connecting<'_>;

    /// Where the stream leads, as a user would write it in `DOCKER_HOST`; errors show it.
    fn address(&self) -> String;

    /// A path that precedes every request path (`/base` of `tcp://host:2375/base`); empty for none.
    fn base_path(&self) -> &str {
        ""
    }

    /// The `Host` header. A Unix socket has no host name, so it gets a fixed one.
    fn host(&self) -> &str {
        "api.moby.localhost"
    }

    /// Whether "connection reset" proves that the other end closed without reading what we sent, as it
    /// does on a Unix socket.
    ///
    /// Only then may a request that is not idempotent travel on a connection that was idle: if the
    /// engine closes it at that moment, we know whether to send again. Elsewhere such a request gets a
    /// fresh connection.
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

/// Refuses to dial outside a Tokio runtime, where Tokio itself would panic.
fn in_runtime() -> io::Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other(
            "there is no Tokio runtime here; call from inside one",
        )),
    }
}
