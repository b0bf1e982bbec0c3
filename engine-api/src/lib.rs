//! A typed client for the Docker Engine HTTP API, written by hand.

pub mod common;
pub mod connect;
pub mod containers;
pub mod error;
pub mod exec;
mod version;
mod wire;

pub use error::{Error, ErrorKind, Result};
pub use version::Version;
pub use wire::json::from_json;
