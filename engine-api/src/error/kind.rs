//! The kinds of errors, the timeouts of a call, and the endpoints that were tried.

use std::fmt;

/// The kind of an error, for programs that act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is invalid; nothing was sent.
    InvalidInput,
    /// The engine's API version does not support a requested feature; nothing was sent.
    NeedsApi,
    /// A Dockerfile uses a feature that needs BuildKit; nothing was sent.
    NeedsBuildKit,
    /// This build or this platform does not support the request.
    Unsupported,
    /// No connection to the engine could be opened.
    Unreachable,
    /// A TLS handshake failed: a certificate is invalid, missing or not trusted.
    TlsError,
    /// A timeout of [`crate::Timeouts`] expired.
    Timeout,
    /// The connection broke, or the engine closed it too early.
    Disconnected,
    /// The reply violates the protocol.
    Protocol,
    /// A reply is longer than a limit of [`crate::ReplyLimits`].
    ReplyTooLong,
    /// A JSON reply does not match its type.
    Decode,
    /// The engine replied with an error status.
    Api,
    /// The engine reported an error inside a stream that had begun with a success status.
    Stream,
    /// A stream ended inside a frame or a value.
    Truncated,
    /// The data of an upload could not be read.
    UploadSource,
    /// An archive could not be unpacked on this host: an entry is invalid, or a file cannot be
    /// written.
    Unpack,
}

/// The part of a call that a timeout covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Opening the connection.
    Connect,
    /// From the request to the head of the reply.
    Head,
    /// Between two pieces of a reply's body or stream.
    Body,
    /// The whole call.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connection",
            Self::Head => "reply",
            Self::Body => "further data",
            Self::Total => "end of the call",
        })
    }
}

/// An endpoint that was tried while looking for an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbedEndpoint {
    /// Where the address comes from: `DOCKER_HOST`, `the default socket` …
    pub source: String,
    /// The address.
    pub address: String,
    /// Why it failed; `None` if the engine answered.
    pub error: Option<String>,
}
