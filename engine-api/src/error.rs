//! What can go wrong, said once.
//!
//! Causes are made where they happen, without context; `wire::call` adds the operation and the name it
//! was called with. [`std::fmt::Display`] prints one level on one line; [`std::error::Error::source`]
//! gives what it has not printed.
//!
//! ```no_run
//! # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
//! match docker.system().ping().await {
//!     Err(error) if error.is_unreachable() => println!("no engine: {error}"),
//!     Err(error) if error.is_timeout() => println!("no answer in time ({:?})", error.phase()),
//!     other => println!("{:?}", other?.api_version),
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::Version;
use crate::auth::RegistryFailure;
use crate::connect::Untrusted;
use crate::wire::json::JsonError;

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, in which operation, on what.
///
/// ```
/// # fn demo(error: engine_api::Error) {
/// if error.is_not_found() {
///     eprintln!("no such thing: {error}");
/// } else if error.status() == Some(500) {
///     eprintln!("the engine is in trouble: {error}");
/// }
/// # }
/// ```
pub struct Error(Box<Report>);

struct Report {
    operation: Option<&'static str>,
    on: Option<Box<str>>,
    cause: Cause,
}

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
    Untrusted,
    /// A limit of [`crate::Limits`] ran out.
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
    Input,
}

/// The causes, as the modules make them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{what} needs API {since} or later, but the version in use is {used}; {way_out}")]
    NeedsApi {
        what: &'static str,
        since: Version,
        used: Version,
        way_out: &'static str,
    },
    #[error("API {last} was the last that reads {what}, but the version in use is {used}; leave it out")]
    GoneFromApi {
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
    Untrusted(Untrusted),
    #[error("no engine answers; tried{}", tried(.candidates))]
    NoEngine {
        candidates: Vec<Candidate>,
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
    Input(io::Error),
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
pub struct Candidate {
    /// Where the address came from: `DOCKER_HOST`, `the default socket` …
    pub origin: String,
    /// The address.
    pub address: String,
    /// Why it is not the one; `None` when the engine answered.
    pub problem: Option<String>,
}

fn tried(candidates: &[Candidate]) -> String {
    let line = |c: &Candidate| {
        format!(
            "\n  {} ({}): {}",
            c.address,
            c.origin,
            c.problem.as_deref().unwrap_or("answers")
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

impl Error {
    /// An error without context; `wire::call` adds it with [`Error::in_call`].
    pub(crate) fn local(cause: Cause) -> Self {
        Self(Box::new(Report {
            operation: None,
            on: None,
            cause,
        }))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::local(Cause::InvalidInput(text.into()))
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Self {
        Self::local(Cause::Protocol(text.into()))
    }

    /// Adds which operation failed, and on what, unless that is known already.
    pub(crate) fn in_call(mut self, operation: &'static str, on: Option<&str>) -> Self {
        if self.0.operation.is_none() {
            self.0.operation = Some(operation);
            self.0.on = on.map(Into::into);
        }
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::InvalidInput(_) => ErrorKind::InvalidInput,
            Cause::NeedsApi { .. } | Cause::GoneFromApi { .. } => ErrorKind::NeedsApi,
            Cause::NeedsBuildKit { .. } => ErrorKind::NeedsBuildKit,
            Cause::Unsupported(_) => ErrorKind::Unsupported,
            Cause::Unreachable { .. } => ErrorKind::Unreachable,
            Cause::NoEngine { kind, .. } => *kind,
            Cause::Untrusted(_) => ErrorKind::Untrusted,
            Cause::Timeout { .. } => ErrorKind::Timeout,
            Cause::Disconnected(_) | Cause::Io(_) => ErrorKind::Disconnected,
            Cause::Protocol(_) => ErrorKind::Protocol,
            Cause::Decode(_) => ErrorKind::Decode,
            Cause::Api { .. } => ErrorKind::Api,
            Cause::Stream { .. } => ErrorKind::Stream,
            Cause::Truncated { .. } => ErrorKind::Truncated,
            Cause::Input(_) => ErrorKind::Input,
        }
    }

    /// The `operationId` of the API description, such as `ContainerStart`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The name or id that the operation was called with.
    pub fn on(&self) -> Option<&str> {
        self.0.on.as_deref()
    }

    /// The HTTP status, when the engine answered with an error.
    pub fn status(&self) -> Option<u16> {
        match &self.0.cause {
            Cause::Api { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// What the engine said, without what this crate adds; at most 4 KiB.
    pub fn message(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Api { message, .. } | Cause::Stream { message, .. } => Some(message),
            _ => None,
        }
    }

    /// The code that came with a failure inside a stream.
    pub fn code(&self) -> Option<i64> {
        match self.0.cause {
            Cause::Stream { code, .. } => code,
            _ => None,
        }
    }

    /// What a Dockerfile has that its builder cannot do, `RUN --mount`, and in which line, from 1 on.
    pub fn needs_buildkit(&self) -> Option<(&str, usize)> {
        match self.0.cause {
            Cause::NeedsBuildKit { feature, line, .. } => Some((feature, line)),
            _ => None,
        }
    }

    /// The bytes of the frame or value that was cut.
    pub fn partial(&self) -> Option<&[u8]> {
        match &self.0.cause {
            Cause::Truncated { partial, .. } => Some(partial),
            _ => None,
        }
    }

    /// Which limit ran out.
    pub fn phase(&self) -> Option<Phase> {
        match self.0.cause {
            Cause::Timeout { phase, .. } => Some(phase),
            _ => None,
        }
    }

    /// The places that were tried, when no engine was found.
    pub fn candidates(&self) -> &[Candidate] {
        match &self.0.cause {
            Cause::NoEngine { candidates, .. } => candidates,
            _ => &[],
        }
    }

    /// The engine has no such thing (404 of a known route).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404) && !self.is_unknown_route()
    }

    /// The engine has no such route: it is older, or another program.
    pub fn is_unknown_route(&self) -> bool {
        self.status() == Some(404)
            && self
                .message()
                .is_some_and(|m| m.trim() == "page not found" || m.trim() == "Not Found")
    }

    /// The request contradicts the state of things: the name is taken, the container runs … (409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// A swarm's object has changed since it was read: read it again and update that (wire fact 44).
    pub fn is_stale(&self) -> bool {
        self.message()
            .is_some_and(|m| m.contains("update out of sequence"))
    }

    /// The engine forbids it, such as removing a predefined network (403).
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// Credentials are missing or wrong: 401, or whatever the engine makes of a registry's 401.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401) || self.registry_failure() == Some(RegistryFailure::Unauthorized)
    }

    /// What a registry refused, the same on every engine, though one answers 401, the next 500, and a
    /// third 200 with the failure in the stream. `None` when it is not known to be the registry's doing.
    pub fn registry_failure(&self) -> Option<RegistryFailure> {
        crate::auth::failure(self)
    }

    /// The engine has this switched off, as it does experimental features unless told otherwise (501).
    pub fn is_not_implemented(&self) -> bool {
        self.status() == Some(501)
    }

    /// The engine cannot serve it in its present role: it is no manager of a swarm (503).
    pub fn is_unavailable(&self) -> bool {
        self.status() == Some(503)
    }

    /// No connection to an engine could be opened.
    pub fn is_unreachable(&self) -> bool {
        self.kind() == ErrorKind::Unreachable
    }

    /// A limit ran out.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The connection broke while the call ran.
    pub fn is_disconnected(&self) -> bool {
        self.kind() == ErrorKind::Disconnected
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.operation, &self.0.on) {
            (Some(operation), Some(on)) => write!(f, "{operation} {on}: {}", self.0.cause),
            (Some(operation), None) => write!(f, "{operation}: {}", self.0.cause),
            _ => self.0.cause.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes of a partial frame: they are a process's output and may hold anything.
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("text", &self.to_string())
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16, message: &str) -> Error {
        Error::local(Cause::Api {
            status: StatusCode::from_u16(status).unwrap(),
            message: message.into(),
        })
    }

    #[test]
    fn a_message_names_operation_thing_and_way_out() {
        let error = api(404, "No such container: web").in_call("ContainerStart", Some("web"));
        assert_eq!(
            error.to_string(),
            "ContainerStart web: the engine answered 404: No such container: web"
        );
        assert!(error.is_not_found());
        let denied = io::Error::from_raw_os_error(if cfg!(windows) { 5 } else { 13 });
        let error = Error::local(Cause::Unreachable {
            address: "unix:///run/x.sock".into(),
            error: denied,
        });
        let error = error.to_string(); // systems word it differently
        assert!(
            error.starts_with("cannot reach the engine at unix:///run/x.sock: "),
            "{error}"
        );
        assert!(
            error.ends_with(" denied; is this user in the docker group?"),
            "{error}"
        );
    }

    #[test]
    fn page_not_found_is_a_missing_route_not_a_missing_thing() {
        assert!(api(404, "page not found").is_unknown_route());
        assert!(!api(404, "page not found").is_not_found());
    }

    #[test]
    fn what_is_off_or_not_served_now_is_told_apart() {
        let (off, role) = (api(501, "experimental"), api(503, "not a swarm manager"));
        assert!(off.is_not_implemented() && !off.is_unavailable());
        assert!(role.is_unavailable() && !role.is_not_implemented());
    }

    #[test]
    fn the_first_context_stays() {
        let error = api(500, "x")
            .in_call("ContainerExec", Some("web"))
            .in_call("Other", None);
        assert_eq!(
            (error.operation(), error.on()),
            (Some("ContainerExec"), Some("web"))
        );
    }
}
