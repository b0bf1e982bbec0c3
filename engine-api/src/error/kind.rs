//! What programs decide by: the kind of a failure, the limit that ran out, the places that were tried.

use std::fmt;

/// The kinds of failure, for programs that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument was refused before anything was sent.
    InvalidInput,
    /// The engine speaks an API version that lacks what was asked for; nothing was sent.
    NeedsApi,
    /// A Dockerfile uses what another builder is needed for; nothing was sent.
    NeedsBuildKit,
    /// This build or this platform cannot do what was asked for.
    Unsupported,
    /// No connection to the engine could be opened.
    Unreachable,
    /// The engine and this client do not trust each other: a certificate is wrong, missing or not
    /// accepted.
    TlsError,
    /// A limit of [`crate::Timeouts`] ran out.
    Timeout,
    /// The connection broke, or the engine closed it too early.
    Disconnected,
    /// What came is not what the protocol allows.
    Protocol,
    /// A JSON reply has another shape than its type.
    Decode,
    /// The engine answered with an error status.
    Api,
    /// The engine reported a failure inside a stream that began with success.
    Stream,
    /// A stream ended inside a frame or a value.
    Truncated,
    /// A source that the caller handed in (an upload) failed.
    UploadSource,
    /// An archive could not be unpacked on this host: an entry is invalid, or a file cannot be written.
    Unpack,
}

/// The part of a call that a limit covers.
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
            Self::Head => "answer",
            Self::Body => "further data",
            Self::Total => "end of the call",
        })
    }
}

/// One place that was tried when looking for an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbedEndpoint {
    /// Where the address came from: `DOCKER_HOST`, `the default socket` …
    pub source: String,
    /// The address.
    pub address: String,
    /// Why it is not the one; `None` when the engine answered.
    pub error: Option<String>,
}
