//! The causes of errors, which the modules create, and their messages.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::json::JsonError;
use super::kind::{ErrorKind, Phase, ProbedEndpoint};
use super::tls::TlsError;
use crate::version::Version;

/// Why something failed, without context.
///
/// A message does not repeat that of its source. Sources are errors of the operating system or
/// hyper, for connections. This crate creates the errors of archives and uploads, with the path in
/// the text; they are part of the message.
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
    #[error("API {last} was the last version with {what}, but the version in use is {used}; omit it")]
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
    #[error("cannot reach the engine at {address}{}", hint(address, .source))]
    Unreachable { address: String, source: io::Error },
    #[error("cannot open a secure connection to the engine: {0}")]
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
    #[error("{what} longer than {limit} bytes; {hint}")]
    ReplyTooLong {
        what: &'static str,
        limit: usize,
        hint: &'static str,
    },
    #[error("the reply does not have the expected shape: {0}")]
    Decode(JsonError),
    #[error("the engine answered {}: {message}", .status.as_u16())]
    Api { status: StatusCode, message: String },
    #[error(
        "{}: an HTML page{}; is there a proxy in front of the engine, or another program in its place?",
        .status, quoted(.words)
    )]
    HtmlPage { status: StatusCode, words: String },
    #[error("{message}")]
    Stream { message: String, code: Option<i64> },
    #[error("the stream ended too early, after {received} of {expected} bytes")]
    Truncated {
        expected: u64,
        received: u64,
        partial: Bytes,
    },
    #[error("the connection to the engine failed")]
    Io(#[source] io::Error),
    #[error("the connection to the engine failed")]
    Http(#[source] hyper::Error),
    #[error("the data to send could not be read: {0}")]
    UploadSource(io::Error),
    #[error("the archive could not be unpacked: {0}")]
    Unpack(io::Error),
}

impl Cause {
    /// A JSON reply, or a value of a stream of them, is longer than `limit`.
    pub(crate) fn long_json(limit: usize) -> Self {
        Self::ReplyTooLong {
            what: "the reply holds JSON that is",
            limit,
            hint: "raise `ReplyLimits::json` with `Docker::with_reply_limits`",
        }
    }

    /// The output or the bytes to collect are longer than `limit`.
    pub(crate) fn long_collection(limit: usize) -> Self {
        Self::ReplyTooLong {
            what: "the collected reply is",
            limit,
            hint: "read it piece by piece with `next`, or raise `ReplyLimits::collected` with \
                   `Docker::with_reply_limits`",
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidInput(_) => ErrorKind::InvalidInput,
            Self::NeedsApi { .. } | Self::RemovedFromApi { .. } => ErrorKind::NeedsApi,
            Self::NeedsBuildKit { .. } => ErrorKind::NeedsBuildKit,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::NoEngine { kind, .. } => *kind,
            Self::TlsError(_) => ErrorKind::TlsError,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Disconnected(_) | Self::Io(_) | Self::Http(_) => ErrorKind::Disconnected,
            Self::Protocol(_) => ErrorKind::Protocol,
            Self::ReplyTooLong { .. } => ErrorKind::ReplyTooLong,
            Self::Decode(_) => ErrorKind::Decode,
            Self::HtmlPage { status, .. } if status.is_success() => ErrorKind::Protocol,
            Self::Api { .. } | Self::HtmlPage { .. } => ErrorKind::Api,
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

fn quoted(words: &str) -> String {
    match words {
        "" => String::new(),
        words => format!(" ({words:?})"),
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
