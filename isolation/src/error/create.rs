//! The errors that engines and this crate create.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use super::{Cause, Error, ErrorKind, Report};
use crate::engine::capabilities::MissingFeature;
use crate::environment::status::{IllegalTransition, Status};
use crate::environment::wait_until::NotReady;

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self(Box::new(Report {
            operation: None,
            subject: None,
            observed: None,
            evidence: None,
            cause,
        }))
    }
}

impl From<IllegalTransition> for Error {
    fn from(step: IllegalTransition) -> Self {
        Cause::Transition(step).into()
    }
}

/// For authors of engines: the errors that an engine creates.
impl Error {
    /// An error of this kind. The text contains the problem and a hint.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        let text = text.into();
        Cause::Text { kind, text }.into()
    }

    /// An argument is invalid; the text names the argument and a valid value.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, text)
    }

    /// Something does not exist; the text names it.
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, text)
    }

    /// Another process removed the environment.
    pub fn lost() -> Self {
        let text = "the environment was removed by somebody else; create another";
        Self::new(ErrorKind::Lost, text).observed(Status::Lost)
    }

    /// The engine does not support features that were requested.
    pub fn unsupported(engine: &str, missing: Vec<MissingFeature>) -> Self {
        Cause::Unsupported {
            engine: engine.to_owned(),
            missing,
            alternatives: Vec::new(),
        }
        .into()
    }

    /// The engine cannot be used here. The hint is for people.
    pub fn unavailable(engine: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Cause::Unavailable {
            engine: engine.to_owned(),
            reason: reason.into(),
            hint: hint.into(),
        }
        .into()
    }

    /// The environment's status does not allow the call; the hint names the call that comes first.
    pub fn wrong_status(status: Status, hint: impl Into<Cow<'static, str>>) -> Self {
        let hint = hint.into();
        Cause::WrongStatus { status, hint }.into()
    }

    /// A directory cannot be read, because only the processes of the environment see it.
    pub(crate) fn in_memory(directory: &str, mount: &str) -> Self {
        Self::invalid(format!(
            "the files at {directory} are in memory ({mount}), which ends with the environment; copy them to \
             a directory on disk, and name that one"
        ))
    }

    /// A path is outside the environment.
    pub fn outside(path: &str) -> Self {
        Cause::OutsideEnvironment(path.to_owned()).into()
    }

    /// A file operation failed: `action` is a verb ("read", "create the directory").
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let (action, path) = (Cow::Borrowed(action), path.to_owned());
        Cause::Io { action, path, source }.into()
    }

    /// The engine reported an error, which becomes the source.
    pub fn engine(engine: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::engine_with_kind(engine, ErrorKind::Engine, source)
    }

    /// The engine reported an error of a known kind, which becomes the source.
    pub fn engine_with_kind(
        engine: &str,
        kind: ErrorKind,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let (engine, source) = (engine.to_owned(), source.into());
        Cause::Engine { engine, kind, source }.into()
    }

    /// An environment did not become ready.
    pub(crate) fn not_ready(kind: ErrorKind, source: NotReady) -> Self {
        Cause::NotReady { kind, source }.into()
    }
}
