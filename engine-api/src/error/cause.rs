//! The causes of errors, as the modules make them, and how they are told.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{ErrorKind, Phase, ProbedEndpoint};
use crate::Version;
use crate::connect::TlsError;
use crate::wire::json::JsonError;

/// Why something failed, without context.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{what} needs API {since} or later, but the version in use is {used}; {hint}")]
    NeedsApi {
        what: &'static str,
        since: Version,
        used: Version,
        hint: &'static str,
    },
    #[error("API {last} was the last that reads {what}, but the version in use is {used}; leave it out")]
    RemovedFromApi {
        what: &'static str,
        last: Version,
        used: Version,
    },
    #[error("line {line} of the Dockerfile has {feature}, which needs {needed}")]
    NeedsBuildKit {
        feature: &'static str,
        line: usize,
        needed: &'static str,
    },
    #[error("{0}")]
    Unsupported(String),
    #[error("cannot reach the engine at {address}: {}{}", reason(.error), hint(address, .error))]
    Unreachable { address: String, error: io::Error },
    #[error("no secure connection to the engine: {0}")]
    TlsError(TlsError),
    #[error("no engine answers; tried{}", tried(.candidates))]
    NoEngine {
        candidates: Vec<ProbedEndpoint>,
        kind: ErrorKind,
    },
    #[error("no {phase} within {after:?}")]
    Timeout { phase: Phase, after: Duration },
    #[error("{0}")]
    Disconnected(String),
    #[error("{0}")]
    Protocol(String),
    #[error("the reply does not have the expected shape: {0}")]
    Decode(JsonError),
    #[error("the engine answered {}: {message}", .status.as_u16())]
    Api { status: StatusCode, message: String },
    #[error("{message}")]
    Stream { message: String, code: Option<i64> },
    #[error("the stream ended too early: {received} bytes of {expected} had come")]
    Truncated {
        expected: u64,
        received: u64,
        partial: Bytes,
    },
    #[error("the connection to the engine failed: {0}")]
    Io(io::Error),
    #[error("the data to send could not be read: {0}")]
    UploadSource(io::Error),
    #[error("the archive could not be unpacked: {0}")]
    Unpack(io::Error),
}

impl Cause {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidInput(_) => ErrorKind::InvalidInput,
            Self::NeedsApi { .. } | Self::RemovedFromApi { .. } => ErrorKind::NeedsApi,
            Self::NeedsBuildKit { .. } => ErrorKind::NeedsBuildKit,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::NoEngine { kind, .. } => *kind,
            Self::TlsError(_) => ErrorKind::TlsError,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Disconnected(_) | Self::Io(_) => ErrorKind::Disconnected,
            Self::Protocol(_) => ErrorKind::Protocol,
            Self::Decode(_) => ErrorKind::Decode,
            Self::Api { .. } => ErrorKind::Api,
            Self::Stream { .. } => ErrorKind::Stream,
            Self::Truncated { .. } => ErrorKind::Truncated,
            Self::UploadSource(_) => ErrorKind::UploadSource,
            Self::Unpack(_) => ErrorKind::Unpack,
        }
    }
}

fn tried(candidates: &[ProbedEndpoint]) -> String {
    let line = |c: &ProbedEndpoint| {
        format!(
            "\n  {} ({}): {}",
            c.address,
            c.source,
            c.error.as_deref().unwrap_or("answers")
        )
    };
    candidates.iter().map(line).collect()
}

fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.trim_end_matches('.').to_ascii_lowercase(), // Windows ends it so
        None => text,
    }
}

fn hint(address: &str, error: &io::Error) -> &'static str {
    let unix = address.starts_with("unix://");
    match error.kind() {
        io::ErrorKind::PermissionDenied if unix => "; is this user in the docker group?",
        io::ErrorKind::NotFound if unix => "; is the engine installed and running?",
        io::ErrorKind::ConnectionRefused => "; is the engine running?",
        _ => "",
    }
}
