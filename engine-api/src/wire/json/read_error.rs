//! Why a JSON text cannot be read.

use serde::de::Error;

/// Why a text cannot be read. The reader knows the position.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ReadError(Box<str>);

impl ReadError {
    pub(super) fn new(reason: impl Into<Box<str>>) -> Self {
        Self(reason.into())
    }
}

impl Error for ReadError {
    fn custom<T: std::fmt::Display>(reason: T) -> Self {
        Self::new(reason.to_string())
    }
}

pub(crate) type Read<T> = Result<T, ReadError>;
