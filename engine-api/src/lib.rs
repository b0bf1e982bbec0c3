//! A typed client for the Docker Engine HTTP API, written by hand.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::containers::CreateContainer;
//!
//! #[tokio::main]
//! async fn main() -> engine_api::Result<()> {
//!     let docker = Docker::from_env().await?;
//!     let cmd = vec!["echo".into(), "hello".into()];
//!     let container = CreateContainer { image: "busybox".into(), cmd, ..Default::default() };
//!     let finished = docker.containers().run(container, "").await?;
//!     print!("{}", String::from_utf8_lossy(&finished.stdout));
//!     Ok(())
//! }
//! ```
//!
//! * [`Docker`] is the client; [`connect`] finds the engine and opens streams to it
//! * [`containers`], [`exec`], [`images`], [`system`] are the resources: calls, and what is sent and
//!   received; [`volumes`] and [`swarm`] hold types that they refer to
//! * [`auth`] finds credentials for registries, where the docker command keeps them
//! * [`plugins`] are the drivers that an engine manages
//! * [`archive`] packs and unpacks what goes into containers and comes out
//! * [`Error`] says what failed, in which operation, on what, and [`Limits`] how long it may take
//! * [`Output`], [`JsonLines`], [`RawBytes`] and [`Hijacked`] are the streams
//!
//! Calls need a Tokio runtime with I/O and time enabled.

pub mod archive;
pub mod auth;
mod client;
pub mod common;
pub mod connect;
pub mod containers;
pub mod error;
pub mod exec;
pub mod images;
mod limits;
pub mod plugins;
pub mod swarm;
pub mod system;
mod version;
pub mod volumes;
mod wire;

pub use bytes::Bytes;
pub use client::Docker;
pub use error::{Error, ErrorKind, Result};
pub use limits::Limits;
pub use version::Version;
pub use wire::body::Upload;
pub use wire::json::from_json;
pub use wire::operation::OperationFacts;
pub use wire::raw_call::{RawCall, RawReply};
pub use wire::stream::{Chunk, Hijacked, Input, Item, JsonLines, Output, RawBytes};

/// Every operation that this crate declares, in the order of the resources.
pub fn operations() -> impl Iterator<Item = &'static OperationFacts> {
    containers::operations()
        .chain(exec::OPERATIONS)
        .chain(images::operations())
        .chain(plugins::OPERATIONS)
        .chain(system::OPERATIONS)
}
