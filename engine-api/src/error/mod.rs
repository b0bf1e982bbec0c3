//! What can go wrong, said once.
//!
//! Causes are made where they happen, without context; `wire::call` adds the operation and the name it
//! was called with. [`std::fmt::Display`] prints all of it, so there is no
//! [`source`](std::error::Error::source) that would be printed twice; programs ask by the methods of [`Error`].
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

mod cause;
mod kind;
mod questions;

use std::fmt;
use std::io;

pub(crate) use cause::Cause;
pub use kind::{ErrorKind, Phase, ProbedEndpoint};

use crate::Version;

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
        self.0.cause.kind()
    }

    /// The `operationId` of the API description, such as `ContainerStart`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The name or id that the operation was called with.
    pub fn subject(&self) -> Option<&str> {
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

    /// What the engine's API version lacks, such as a field's name, and the first version that has it.
    pub fn needs_api(&self) -> Option<(&str, Version)> {
        match self.0.cause {
            Cause::NeedsApi { what, since, .. } => Some((what, since)),
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

    /// What kind of failure the operating system reported, or the data that the caller handed in.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &self.0.cause {
            Cause::Unreachable { error, .. }
            | Cause::Io(error)
            | Cause::UploadSource(error)
            | Cause::Unpack(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// The places that were tried, when no engine was found.
    pub fn probed_endpoints(&self) -> &[ProbedEndpoint] {
        match &self.0.cause {
            Cause::NoEngine { candidates, .. } => candidates,
            _ => &[],
        }
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
    use http::StatusCode;

    use super::*;

    pub(super) fn api(status: u16, message: &str) -> Error {
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
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
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
    fn the_first_context_stays() {
        let error = api(500, "x")
            .in_call("ContainerExec", Some("web"))
            .in_call("Other", None);
        assert_eq!(
            (error.operation(), error.subject()),
            (Some("ContainerExec"), Some("web"))
        );
    }
}
