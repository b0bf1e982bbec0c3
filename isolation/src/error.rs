//! The error of every call: the operation, its subject, the cause and a hint.
//!
//! The module where an error occurs creates the cause. A caller that knows the operation and its
//! subject adds them with [`Error::during`]. [`std::fmt::Display`] prints one level on one line,
//! and [`std::error::Error::source`] returns the next level.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::capabilities::{MissingFeature, RejectedEngine};
use crate::environment::status::{IllegalTransition, Status};

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed, in which operation, and on what.
///
/// ```
/// # fn demo(error: isolation::Error) {
/// for lack in error.missing() {
///     eprintln!("the engine does not support {}: {}", lack.feature, lack.reason);
/// }
/// # }
/// ```
pub struct Error(Box<Report>);

struct Report {
    operation: Option<&'static str>,
    subject: Option<String>,
    cause: Cause,
}

/// The kinds of errors, for programs that react to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is invalid; nothing was done.
    InvalidInput,
    /// The engine does not support a feature that was requested; nothing was done.
    Unsupported,
    /// No registered engine has this name, or none supports this environment here.
    NoEngine,
    /// The engine cannot be used on this machine now.
    Unavailable,
    /// The status of the environment does not allow the call.
    WrongStatus,
    /// The environment, the file or the directory does not exist.
    NotFound,
    /// A path is outside the environment.
    OutsideEnvironment,
    /// A file operation on this machine failed.
    Io,
    /// The engine reported an error.
    Engine,
    /// The manager is shut down and creates no more environments.
    ShutDown,
    /// Several errors occurred during cleanup; see [`Error::failures`].
    Cleanup,
}

/// The causes, as the modules create them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    InvalidInput(String),
    #[error("engine `{engine}` does not support: {}{}", list(lacks), alternatives(able))]
    Unsupported {
        engine: String,
        lacks: Vec<MissingFeature>,
        able: Vec<String>,
    },
    #[error("unknown engine {name:?}; registered engines: {}", known.join(", "))]
    UnknownEngine { name: String, known: Vec<String> },
    #[error("no available engine supports this environment{}", skipped(.0))]
    NoEngine(Vec<RejectedEngine>),
    #[error("engine `{engine}` is not available: {reason}; {hint}")]
    Unavailable {
        engine: String,
        reason: String,
        hint: String,
    },
    #[error("the environment is {status}; {hint}")]
    WrongStatus { status: Status, hint: &'static str },
    #[error("{0}")]
    Transition(IllegalTransition),
    #[error("{0}")]
    NotFound(String),
    #[error("the path {0:?} is outside the environment; use a path inside it")]
    OutsideEnvironment(String),
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("engine `{engine}` failed")]
    Engine {
        engine: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the manager is shut down; create a new one")]
    ShutDown,
    #[error("{} of the environments could not be destroyed; the first error follows", .0.len())]
    Cleanup(Vec<Error>),
}

fn list(lacks: &[MissingFeature]) -> String {
    let one = |lack: &MissingFeature| format!("{} ({})", lack.feature, lack.reason);
    lacks.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn alternatives(able: &[String]) -> String {
    match able {
        [] => String::new(),
        names => format!("; supported by: {}", names.join(", ")),
    }
}

fn skipped(engines: &[RejectedEngine]) -> String {
    let separators = std::iter::once(": ").chain(std::iter::repeat("; "));
    let one = |(separator, skipped): (&str, &RejectedEngine)| format!("{separator}{skipped}");
    separators.zip(engines).map(one).collect()
}

impl Cause {
    /// Why an engine is skipped, for a text that names the engine already.
    fn skip_reason(&self) -> String {
        match self {
            Self::Unsupported { lacks, .. } => format!("does not support: {}", list(lacks)),
            Self::Unavailable { reason, hint, .. } => format!("not available: {reason}; {hint}"),
            other => other.to_string(),
        }
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self(Box::new(Report {
            operation: None,
            subject: None,
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
    /// An argument is invalid; the text names the argument and a valid value.
    pub fn invalid(text: impl Into<String>) -> Self {
        Cause::InvalidInput(text.into()).into()
    }

    /// The engine does not support features that were requested.
    pub fn unsupported(engine: &str, lacks: Vec<MissingFeature>) -> Self {
        let engine = engine.to_owned();
        let able = Vec::new();
        Cause::Unsupported { engine, lacks, able }.into()
    }

    /// The engine cannot be used here; the hint names what a person can do.
    pub fn unavailable(engine: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Cause::Unavailable {
            engine: engine.to_owned(),
            reason: reason.into(),
            hint: hint.into(),
        }
        .into()
    }

    /// The environment's status does not allow the call; the hint names the call that comes first.
    pub fn wrong_status(status: Status, hint: &'static str) -> Self {
        Cause::WrongStatus { status, hint }.into()
    }

    /// Something does not exist; the text names it.
    pub fn not_found(text: impl Into<String>) -> Self {
        Cause::NotFound(text.into()).into()
    }

    /// A path is outside the environment.
    pub fn outside(path: &str) -> Self {
        Cause::OutsideEnvironment(path.to_owned()).into()
    }

    /// A file operation failed: `action` is a verb ("read", "create the directory").
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Cause::Io { action, path, source }.into()
    }

    /// The engine reported an error, which becomes the source.
    pub fn engine(engine: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let (engine, source) = (engine.to_owned(), source.into());
        Cause::Engine { engine, source }.into()
    }

    /// Adds the operation and its subject, unless the error has an operation already. An empty
    /// subject is omitted.
    pub fn during(mut self, operation: &'static str, subject: &str) -> Self {
        if self.0.operation.is_none() {
            self.0.operation = Some(operation);
            self.0.subject = (!subject.is_empty()).then(|| subject.to_owned());
        }
        self
    }
}

impl Error {
    /// Adds the engines that support what this engine does not.
    pub(crate) fn with_alternatives(mut self, names: Vec<String>) -> Self {
        if let Cause::Unsupported { able, .. } = &mut self.0.cause {
            *able = names;
        }
        self
    }

    /// The record of an engine that cannot be chosen because of this error.
    pub(crate) fn into_rejected(self, engine: &str) -> RejectedEngine {
        RejectedEngine {
            engine: engine.to_owned(),
            reason: self.0.cause.skip_reason(),
        }
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::InvalidInput(_) => ErrorKind::InvalidInput,
            Cause::Unsupported { .. } => ErrorKind::Unsupported,
            Cause::UnknownEngine { .. } | Cause::NoEngine(_) => ErrorKind::NoEngine,
            Cause::Unavailable { .. } => ErrorKind::Unavailable,
            Cause::WrongStatus { .. } | Cause::Transition(_) => ErrorKind::WrongStatus,
            Cause::NotFound(_) => ErrorKind::NotFound,
            Cause::OutsideEnvironment(_) => ErrorKind::OutsideEnvironment,
            Cause::Io { .. } => ErrorKind::Io,
            Cause::Engine { .. } => ErrorKind::Engine,
            Cause::ShutDown => ErrorKind::ShutDown,
            Cause::Cleanup(_) => ErrorKind::Cleanup,
        }
    }

    /// The operation that failed, such as `create the environment`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The subject of the operation: a name, a path, a command.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The features that the engine does not support, with the reasons.
    pub fn missing(&self) -> &[MissingFeature] {
        match &self.0.cause {
            Cause::Unsupported { lacks, .. } => lacks,
            _ => &[],
        }
    }

    /// The registered engines that support these features.
    pub fn alternatives(&self) -> &[String] {
        match &self.0.cause {
            Cause::Unsupported { able, .. } => able,
            _ => &[],
        }
    }

    /// The engines that were tried and skipped, if none was left.
    pub fn rejected(&self) -> &[RejectedEngine] {
        match &self.0.cause {
            Cause::NoEngine(engines) => engines,
            _ => &[],
        }
    }

    /// Every error of a cleanup, which continues after the first error.
    pub fn failures(&self) -> &[Error] {
        match &self.0.cause {
            Cause::Cleanup(failures) => failures,
            _ => &[],
        }
    }

    /// Whether the engine does not support a feature that was requested.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// Whether something does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.operation, &self.0.subject) {
            (Some(operation), Some(subject)) => {
                write!(f, "cannot {operation} {subject}: {}", self.0.cause)
            }
            (Some(operation), None) => write!(f, "cannot {operation}: {}", self.0.cause),
            (None, _) => self.0.cause.fmt(f),
        }
    }
}

/// Prints the message and its sources, for `fn main() -> isolation::Result<()>`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            write!(f, "\n  caused by: {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Io { source, .. } => Some(source),
            Cause::Engine { source, .. } => Some(source.as_ref()),
            Cause::Cleanup(failures) => failures.first().map(|first| first as _),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::capabilities::Feature;

    #[test]
    fn unsupported_names_feature_reason_and_alternative() {
        let lack = MissingFeature {
            feature: Feature::MemoryLimit,
            reason: "no cgroup".into(),
        };
        let error = Error::unsupported("basic", vec![lack])
            .with_alternatives(vec!["docker".into()])
            .during("create the environment", "web");
        assert_eq!(
            error.to_string(),
            "cannot create the environment web: engine `basic` does not support: \
             memory limit (no cgroup); supported by: docker"
        );
        assert!(error.is_unsupported());
    }

    #[test]
    fn source_is_printed_by_debug_only() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = Error::io("read", Path::new("/x"), missing).during("copy in", "a.txt");
        assert_eq!(error.to_string(), "cannot copy in a.txt: cannot read /x");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(
            format!("{error:?}"),
            format!("cannot copy in a.txt: cannot read /x\n  caused by: {source}")
        );
    }

    #[test]
    fn first_context_is_kept() {
        let error = Error::invalid("x")
            .during("execute", "ls")
            .during("create", "web");
        assert_eq!(
            (error.operation(), error.subject()),
            (Some("execute"), Some("ls"))
        );
    }

    #[test]
    fn context_without_a_subject_prints_the_operation() {
        let error = Error::invalid("x").during("create the environment", "");
        assert_eq!(error.to_string(), "cannot create the environment: x");
        assert_eq!(error.subject(), None);
    }

    #[test]
    fn skipped_engine_is_named_once() {
        let gone = Error::unavailable("docker", "no daemon", "start it").into_rejected("docker");
        assert_eq!(gone.to_string(), "docker: not available: no daemon; start it");
        let error = Error::from(Cause::NoEngine(vec![gone]));
        assert_eq!(
            error.to_string(),
            "no available engine supports this environment: docker: not available: no daemon; start it"
        );
    }
}
