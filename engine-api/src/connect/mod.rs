//! Engine addresses, discovery, and the byte streams to an engine.
//!
//! The client works on a [`ByteStream`]. A [`Connector`] opens one: to a Unix socket, a named pipe
//! of Windows, TCP, TLS (feature `tls`) or ssh (feature `ssh`). A recorder, a player or a fault
//! injector of a test is a connector, too.
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
#[cfg(test)]
mod cases;
mod command_config;
mod connector;
mod connector_for;
mod context;
mod discover;
mod endpoint;
#[cfg(feature = "tls")]
mod no_verification;
#[cfg(windows)]
mod npipe;
mod proxy;
mod proxy_variables;
mod security;
#[cfg(feature = "ssh")]
mod ssh;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod unix;

pub use address::Address;
pub use address::without_secrets;
pub(crate) use command_config::CommandConfig;
pub use connector::{BoxStream, ByteStream, Connecting, Connector};
pub(crate) use discover::{at, endpoints, in_context, named};
pub(crate) use endpoint::Endpoint;
#[cfg(windows)]
pub use npipe::NamedPipeConnector;
pub use proxy::HttpProxy;
pub use proxy_variables::ProxyVariables;
pub(crate) use security::Lookup;
#[cfg(feature = "ssh")]
pub use ssh::SshConnector;
pub use tcp::TcpConnector;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsConnector};
#[cfg(unix)]
pub use unix::UnixConnector;

pub use crate::error::TlsError;
