//! A typed client for the Docker Engine HTTP API, written by hand.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::containers::CreateContainer;
//!
//! #[tokio::main]
//! async fn main() -> engine_api::Result<()> {
//!     let docker = Docker::from_env().await?;
//!     let container = CreateContainer {
//!         image: "busybox".into(),
//!         cmd: ["echo", "hello"].into(),
//!         ..Default::default()
//!     };
//!     let output = docker.containers().run(container).await?;
//!     print!("{}", output.text());
//!     Ok(())
//! }
//! ```
//!
//! * [`Docker`] is the client; [`connect`] finds the engine and opens streams to it
//! * [`containers`], [`exec`], [`images`], [`system`] are the resources: calls, and what is sent and
//!   received
//! * [`volumes`] and [`networks`] are what containers keep, and whom they reach
//! * [`distribution`] looks at images in registries, [`checkpoints`] keep the state of processes,
//!   [`builds`] and [`sessions`] reach builds under way
//! * [`swarm`], [`nodes`], [`services`], [`tasks`], [`secrets`], [`configs`] are the resources of engines
//!   that work together
//! * [`plugins`] are the drivers that an engine manages
//! * [`auth`] finds credentials for registries, where the docker command keeps them
//! * [`archive`] packs and unpacks what goes into containers and comes out
//! * [`Error`] says what failed, in which operation, on what, and [`Timeouts`] how long it may take
//! * [`Output`], [`JsonLines`], [`RawBytes`] and [`Hijacked`] are the streams
//! * [`coming_from`] shows how tasks are done with other clients, and with this one
//!
//! The features `tls` and `ssh` add ways to an engine; without them only Unix sockets and plain TCP are
//! there.
//!
//! Calls need a Tokio runtime with I/O and time enabled.

// The machinery serves all resources.
#![cfg_attr(not(feature = "full"), allow(dead_code, unused_imports))]

#[cfg(feature = "containers")]
pub mod archive;
pub mod auth;
#[cfg(feature = "full")]
pub mod builds;
#[cfg(feature = "full")]
pub mod checkpoints;
mod client;
#[cfg(all(doc, feature = "full"))]
pub mod coming_from;
pub mod common;
#[cfg(feature = "full")]
pub mod configs;
pub mod connect;
#[cfg(feature = "containers")]
pub mod containers;
#[cfg(feature = "full")]
pub mod distribution;
pub mod error;
#[cfg(feature = "containers")]
pub mod exec;
#[cfg(feature = "full")]
pub mod images;
#[cfg(feature = "full")]
pub mod networks;
#[cfg(feature = "full")]
pub mod nodes;
#[cfg(feature = "full")]
pub mod plugins;
#[cfg(feature = "full")]
pub mod secrets;
#[cfg(feature = "full")]
pub mod services;
#[cfg(feature = "full")]
pub mod sessions;
#[cfg(feature = "full")]
pub mod swarm;
pub mod system;
#[cfg(feature = "full")]
pub mod tasks;
mod timeouts;
mod version;
#[cfg(feature = "full")]
pub mod volumes;
mod wire;

pub use bytes::Bytes;
pub use client::Docker;
pub use error::{Error, ErrorKind, Result};
pub use timeouts::Timeouts;
pub use version::{ParseVersionError, Version};
pub use wire::body::Upload;
pub use wire::operation::OperationInfo;
pub use wire::raw_call::{RawCall, RawReply};
pub use wire::stream::{Chunk, Hijacked, Input, JsonLines, Output, RawBytes, RunOutput, StreamItem};

/// Reads JSON that an engine wrote as a type of this crate, as the client reads replies: `null` counts as
/// absent.
///
/// Use it for replies that you stored, and to make values of reply types in tests.
/// `serde_json::from_slice` reads the same types, but rejects `null` for a list, a map or a plain scalar.
///
/// ```
/// use engine_api::system::EngineVersion;
///
/// let version: EngineVersion = engine_api::from_json(br#"{"Version": "28.5.2", "Components": null}"#)?;
/// assert_eq!(version.version, "28.5.2");
/// # Ok::<(), engine_api::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Decode`] with the path and the reason when `bytes` is not JSON, or a value has another type.
pub fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    wire::json::decode(bytes).map_err(|error| Error::local(error::Cause::Decode(error)))
}

/// Every operation that this crate declares, in the order of the resources.
pub fn operations() -> impl Iterator<Item = &'static OperationInfo> {
    let operations = system::operations();
    #[cfg(feature = "containers")]
    let operations = operations
        .chain(containers::OPERATIONS.iter().copied())
        .chain(exec::OPERATIONS.iter().copied());
    #[cfg(feature = "full")]
    let operations = operations
        .chain(images::OPERATIONS.iter().copied())
        .chain(builds::OPERATIONS)
        .chain(distribution::OPERATIONS)
        .chain(volumes::OPERATIONS.iter().copied())
        .chain(networks::OPERATIONS.iter().copied())
        .chain(checkpoints::OPERATIONS)
        .chain(sessions::OPERATIONS)
        .chain(plugins::OPERATIONS.iter().copied())
        .chain(swarm::OPERATIONS.iter().copied())
        .chain(nodes::OPERATIONS.iter().copied())
        .chain(services::OPERATIONS.iter().copied())
        .chain(tasks::OPERATIONS.iter().copied())
        .chain(secrets::OPERATIONS)
        .chain(configs::OPERATIONS);
    operations
}
