//! A typed client for the Docker Engine HTTP API, written by hand.

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
        .chain(system::OPERATIONS)
}
