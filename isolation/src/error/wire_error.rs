//! An error as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ErrorKind;
use crate::engine::capabilities::{MissingFeature, RejectedEngine};
use crate::environment::status::Status;

/// An error as JSON. Operation and subject are separate from the message, so that a reader prints
/// them once.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct WireError {
    pub(super) kind: ErrorKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<MissingFeature>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) alternatives: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rejected: Vec<RejectedEngine>,
    /// The texts of the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<WireSource>,
}

/// The text of a source, and its own source.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct WireSource {
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Box<WireSource>>,
}

impl WireSource {
    pub(super) fn of(error: &dyn std::error::Error) -> Self {
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
