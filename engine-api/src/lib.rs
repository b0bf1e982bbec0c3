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
//! | module or type | content |
//! |---|---|
//! | [`Docker`], [`connect`] | the client; addresses, discovery and connections |
//! | [`containers`], [`exec`], [`images`], [`volumes`], [`networks`], [`system`] | the resources of one engine |
//! | [`swarm`], [`nodes`], [`services`], [`tasks`], [`secrets`], [`configs`] | the resources of a swarm |
//! | [`plugins`] | plugins that the engine manages |
//! | [`distribution`] | metadata of images in registries |
//! | [`checkpoints`] | CRIU checkpoints of containers |
//! | [`builds`], [`sessions`] | builds in progress, and the connection of BuildKit's sessions |
//! | [`auth`] | credentials for registries |
//! | [`observe`] | reports of calls |
//! | [`archive`] | packing and unpacking of tar archives |
//! | [`common`] | types that several resources share |
//! | [`Error`], [`Timeouts`], [`ReplyLimits`] | errors; limits on the time and the memory of a call
//! |
//! | [`Output`], [`JsonLines`], [`RawBytes`], [`Hijacked`] | the streams |
//! | [`coming_from`] | common tasks with other clients, and with this one |
//!
//! The features `tls` and `ssh` add ways to connect; without them, only Unix sockets, named pipes
//! and plain TCP are supported.
//!
//! Calls need a Tokio runtime with I/O and time enabled. With the feature `blocking`, its module
//! drives them in programs without a runtime.

// Builds with fewer features omit resources, but keep the internal code that only those resources
// use: about forty items, and each would need its own `cfg`.
#![cfg_attr(not(feature = "full"), allow(dead_code, unused_imports))]

#[cfg(feature = "containers")]
pub mod archive;
pub mod auth;
#[cfg(feature = "blocking")]
pub mod blocking;
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
mod local_file;
#[cfg(feature = "full")]
pub mod networks;
#[cfg(feature = "full")]
pub mod nodes;
pub mod observe;
#[cfg(feature = "full")]
pub mod plugins;
mod reply_limits;
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
pub use reply_limits::ReplyLimits;
pub use timeouts::Timeouts;
pub use version::{ParseVersionError, Version};
pub use wire::body::Upload;
pub use wire::operation::OperationInfo;
pub use wire::raw_call::{RawCall, RawHijacked, RawReply};
pub use wire::stream::{Chunk, Hijacked, Input, JsonLines, Output, RawBytes, RunOutput, StreamItem};

/// Reads JSON of an engine as a type of this crate, with the rules of the client: `null` counts as
/// absent.
///
/// Use it for stored replies, and to create values of reply types in tests.
/// `serde_json::from_slice` reads the same types, but rejects `null` for a list, a map or a plain
/// scalar.
///
/// ```
/// use engine_api::system::EngineVersion;
///
/// let json = br#"{"Version": "28.5.2", "Components": null}"#;
/// let version: EngineVersion = engine_api::from_json(json)?;
/// assert_eq!(version.version, "28.5.2");
/// # Ok::<(), engine_api::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Decode`] with the path and the reason when `bytes` is not JSON, or a value has
/// another type.
pub fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    wire::json::decode(bytes).map_err(|error| Error::local(error::Cause::Decode(error)))
}

/// Every operation that this crate declares, in the order of the resources.
pub fn operations() -> impl Iterator<Item = &'static OperationInfo> {
    let resources = [
        system::OPERATIONS,
        #[cfg(feature = "containers")]
        containers::OPERATIONS,
        #[cfg(feature = "containers")]
        exec::OPERATIONS,
        #[cfg(feature = "full")]
        images::OPERATIONS,
        #[cfg(feature = "full")]
        builds::OPERATIONS,
        #[cfg(feature = "full")]
        distribution::OPERATIONS,
        #[cfg(feature = "full")]
        volumes::OPERATIONS,
        #[cfg(feature = "full")]
        networks::OPERATIONS,
        #[cfg(feature = "full")]
        checkpoints::OPERATIONS,
        #[cfg(feature = "full")]
        sessions::OPERATIONS,
        #[cfg(feature = "full")]
        plugins::OPERATIONS,
        #[cfg(feature = "full")]
        swarm::OPERATIONS,
        #[cfg(feature = "full")]
        nodes::OPERATIONS,
        #[cfg(feature = "full")]
        services::OPERATIONS,
        #[cfg(feature = "full")]
        tasks::OPERATIONS,
        #[cfg(feature = "full")]
        secrets::OPERATIONS,
        #[cfg(feature = "full")]
        configs::OPERATIONS,
    ];
    resources.into_iter().flatten().copied()
}
