//! The form of an error that crosses a process.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Cause, Error, ErrorKind, Report};
use crate::engine::capabilities::{MissingFeature, RejectedEngine};
use crate::environment::status::Status;

/// An error as JSON. Operation and subject are apart from the message, so that a reader prints
/// them once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireError {
    pub(super) kind: ErrorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<MissingFeature>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) alternatives: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rejected: Vec<RejectedEngine>,
    /// The texts of the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<WireSource>,
}

/// The text of a source, and its own source.
#[derive(Debug, Serialize, Deserialize)]
struct WireSource {
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Box<WireSource>>,
}

impl WireSource {
    fn of(error: &dyn std::error::Error) -> Self {
        Self {
            message: error.to_string(),
            source: error.source().map(|source| Box::new(Self::of(source))),
        }
    }
}

impl fmt::Display for WireSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for WireSource {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl WireError {
    pub(super) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        WireError {
            kind: self.kind(),
            operation: self.operation().map(str::to_owned),
            subject: self.subject().map(str::to_owned),
            message: self.0.cause.to_string(),
            status: self.observed_status(),
            missing: self.missing().to_vec(),
            alternatives: self.alternatives().to_vec(),
            rejected: self.rejected().to_vec(),
            source: std::error::Error::source(self).map(WireSource::of),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut wire = WireError::deserialize(from)?;
        Ok(Self(Box::new(Report {
            operation: wire.operation.take().map(Cow::Owned),
            subject: wire.subject.take(),
            observed: wire.status.take(),
            cause: Cause::Remote(Box::new(wire)),
        })))
    }
}
