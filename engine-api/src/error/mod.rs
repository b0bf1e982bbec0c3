//! Errors: what failed, in which operation, on what.
//!
//! The modules create a cause without context; `wire` adds the operation and the name of its
//! subject.
//!
//! # How an error is printed
//!
//! `{error}` prints the error itself, with a hint if there is one.
//! [`source`](std::error::Error::source) returns the error of the operating system or of hyper that
//! caused it. The texts of the chain do not repeat each other. `{error:#}` and `{error:?}` print
//! the whole chain on one line, so `fn main() -> engine_api::Result<()>` reports a readable
//! message.
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
mod json;
mod kind;
mod questions;
mod registry;
mod tls;

use std::fmt;
use std::io;

pub(crate) use cause::Cause;
pub(crate) use json::JsonError;
pub use kind::{ErrorKind, Phase, ProbedEndpoint};
pub use registry::RegistryFailure;
pub use tls::TlsError;

use crate::version::{ParseVersionError, Version};

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, in which operation, on what.
///
/// ```
/// # fn demo(error: engine_api::Error) {
/// if error.is_not_found() {
///     eprintln!("not found: {error}");
/// } else if error.status() == Some(500) {
///     eprintln!("the engine failed: {error}");
/// }
/// # }
/// ```
pub struct Error(Box<Report>);

struct Report {
    operation: Option<&'static str>,
    subject: Option<Box<str>>,
    /// Whether credentials for a registry were sent; `None` if that is unknown.
    credentials: Option<bool>,
    cause: Cause,
}

impl Error {
    /// An error without context; `wire::call` adds it with [`Error::in_call`].
    pub(crate) fn local(cause: Cause) -> Self {
        Self(Box::new(Report {
            operation: None,
            subject: None,
            credentials: None,
            cause,
        }))
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::local(Cause::InvalidInput(text.into()))
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Self {
        Self::local(Cause::Protocol(text.into()))
    }

    /// Adds the operation and its subject, unless they are already known.
    pub(crate) fn in_call(mut self, operation: &'static str, subject: Option<&str>) -> Self {
        if self.0.operation.is_none() {
            self.0.operation = Some(operation);
            self.0.subject = subject.map(Into::into);
        }
        self
    }

    /// Stores whether the call sent credentials for a registry, unless that is already known.
    pub(crate) fn with_credentials(mut self, sent: Option<bool>) -> Self {
        self.0.credentials = self.0.credentials.or(sent);
        self
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind()
    }

    /// The `operationId` of the API description, such as `ContainerStart`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The name or ID that is the subject of the operation.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The HTTP status, when the engine replied with an error.
    pub fn status(&self) -> Option<u16> {
        match &self.0.cause {
            Cause::Api { status, .. } => Some(status.as_u16()),
            Cause::HtmlPage { status, .. } if !status.is_success() => Some(status.as_u16()),
            _ => None,
        }
    }

    /// The message of the engine, at most 4 KiB, without the additions of this crate; or the first
    /// words of an HTML page.
    pub fn message(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Api { message, .. } | Cause::Stream { message, .. } => Some(message),
            Cause::HtmlPage { words, .. } => Some(words),
            _ => None,
        }
    }

    /// The code of an error inside a stream.
    pub fn code(&self) -> Option<i64> {
        match self.0.cause {
            Cause::Stream { code, .. } => code,
            _ => None,
        }
    }

    /// The feature that the engine's API version does not support, such as a field, and the first
    /// version with it.
    pub fn needs_api(&self) -> Option<(&str, Version)> {
        match self.0.cause {
            Cause::NeedsApi { what, since, .. } => Some((what, since)),
            _ => None,
        }
    }

    /// The feature of a Dockerfile that needs BuildKit, such as `RUN --mount`, and its line,
    /// counted from 1.
    pub fn needs_buildkit(&self) -> Option<(&str, usize)> {
        match self.0.cause {
            Cause::NeedsBuildKit { feature, line, .. } => Some((feature, line)),
            _ => None,
        }
    }

    /// Whether an HTML page has arrived instead of a reply.
    pub(super) fn is_html(&self) -> bool {
        matches!(self.0.cause, Cause::HtmlPage { .. })
    }

    /// The received bytes of the incomplete frame or value.
    pub fn partial(&self) -> Option<&[u8]> {
        match &self.0.cause {
            Cause::Truncated { partial, .. } => Some(partial),
            _ => None,
        }
    }

    /// The timeout that expired.
    pub fn phase(&self) -> Option<Phase> {
        match self.0.cause {
            Cause::Timeout { phase, .. } => Some(phase),
            _ => None,
        }
    }

    /// The kind of the I/O error behind this one, if there is one: of a connection, an upload or an
    /// archive.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        if let Cause::UploadSource(error) | Cause::Unpack(error) = &self.0.cause {
            return Some(error.kind());
        }
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Some(error.kind());
            }
            next = error.source();
        }
        None
    }

    /// The endpoints that were tried, if no engine was found.
    pub fn probed_endpoints(&self) -> &[ProbedEndpoint] {
        match &self.0.cause {
            Cause::NoEngine { candidates, .. } => candidates,
            _ => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.operation, &self.0.subject) {
            (Some(operation), Some(subject)) => write!(f, "{operation} {subject}: {}", self.0.cause)?,
            (Some(operation), None) => write!(f, "{operation}: {}", self.0.cause)?,
            _ => write!(f, "{}", self.0.cause)?,
        }
        if let Some(hint) = self.credentials_hint() {
            write!(f, "; {hint}")?;
        }
        if f.alternate() {
            let mut next = std::error::Error::source(self);
            while let Some(error) = next {
                write!(f, ": {error}")?;
                next = error.source();
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    // The message, because a program whose `main` returns an error prints this. It does not contain
    // the bytes of a partial frame, which are a process's output and may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.cause)
    }
}

impl From<ParseVersionError> for Error {
    fn from(error: ParseVersionError) -> Self {
        Self::invalid(error.to_string())
    }
}

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
    fn a_message_has_operation_subject_and_hint() {
        let error = api(404, "No such container: web").in_call("ContainerStart", Some("web"));
        assert_eq!(
            error.to_string(),
            "ContainerStart web: the engine answered 404: No such container: web"
        );
        assert!(error.is_not_found());
        let denied = io::Error::from_raw_os_error(if cfg!(windows) { 5 } else { 13 });
        let error = Error::local(Cause::Unreachable {
            address: "unix:///run/x.sock".into(),
            source: denied,
        });
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(
            error.to_string(),
            "cannot reach the engine at unix:///run/x.sock; is this user in the docker group?"
        );
    }

    #[test]
    fn a_source_is_printed_once() {
        let lost = || Error::local(Cause::Io(io::Error::other("cable cut")));
        let source = std::error::Error::source(&lost()).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("cable cut"));
        assert_eq!(lost().to_string(), "the connection to the engine failed");
        let whole = "the connection to the engine failed: cable cut";
        assert_eq!(format!("{:#}", lost()), whole);
        assert_eq!(format!("{:?}", lost()), whole);
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

    #[test]
    fn endpoints_that_were_tried_are_listed() {
        let endpoint = |address: &str, error: Option<&str>| ProbedEndpoint {
            source: "the default socket".into(),
            address: address.into(),
            error: error.map(str::to_owned),
        };
        let error = Error::local(Cause::NoEngine {
            candidates: vec![
                endpoint("unix:///a", Some("no file")),
                endpoint("unix:///b", None),
            ],
            kind: ErrorKind::Unreachable,
        });
        assert_eq!(
            error.to_string(),
            "no engine answers; tried\n  unix:///a (the default socket): no file\n  \
             unix:///b (the default socket): answers"
        );
    }

    #[test]
    fn question_about_another_cause_has_no_answer() {
        let error = api(500, "x");
        assert_eq!((error.code(), error.phase(), error.io_kind()), (None, None, None));
        assert_eq!((error.needs_api(), error.needs_buildkit()), (None, None));
        assert_eq!((error.partial(), error.probed_endpoints().len()), (None, 0));
        let local = Error::invalid("x");
        assert_eq!((local.status(), local.message()), (None, None));
    }

    #[test]
    fn reason_of_the_system_is_found_behind_an_archive() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for cause in [
            Cause::UploadSource(full()),
            Cause::Unpack(full()),
            Cause::Io(full()),
        ] {
            assert_eq!(Error::local(cause).io_kind(), Some(io::ErrorKind::StorageFull));
        }
    }

    #[test]
    fn version_that_cannot_be_read_is_invalid_input() {
        let error = Error::from("1.x".parse::<Version>().unwrap_err());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("1.x"), "{error}");
    }
}
