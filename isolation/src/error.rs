//! What can go wrong, said once: which operation, on what, why, and the way out.
//!
//! Causes are made where they happen; whoever knows the operation and the thing adds them with
//! [`Error::during`]. [`std::fmt::Display`] prints one level on one line, and
//! [`std::error::Error::source`] gives the next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::capabilities::Lack;
use crate::registry::PassedOver;
use crate::status::{IllegalTransition, Status};

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed, in which operation, on what.
///
/// ```
/// # fn demo(error: isolation::Error) {
/// for lack in error.lacks() {
///     eprintln!("the engine has no {}: {}", lack.feature, lack.reason);
/// }
/// # }
/// ```
pub struct Error(Box<Report>);

struct Report {
    operation: Option<&'static str>,
    on: Option<String>,
    cause: Cause,
}

/// The kinds of failure, for programs that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument was refused before anything was done.
    InvalidInput,
    /// The engine cannot do what was asked for; nothing was done.
    Unsupported,
    /// No registered engine has this name, or none can do the work here.
    NoEngine,
    /// The engine exists, but does not answer on this machine.
    Unavailable,
    /// The environment's status does not allow the call.
    WrongStatus,
    /// There is no such environment, file or folder.
    NotFound,
    /// A path leads out of the environment.
    OutsideEnvironment,
    /// A file operation failed on this machine.
    Io,
    /// The engine itself reported a failure.
    Engine,
    /// The manager is shut down, and creates nothing any more.
    ShutDown,
    /// Several things failed while cleaning up; see [`Error::failures`].
    Cleanup,
}

/// The causes, as the modules make them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    InvalidInput(String),
    #[error("the engine {engine} has no {}{}", list(lacks), able_engines(able))]
    Unsupported {
        engine: String,
        lacks: Vec<Lack>,
        able: Vec<String>,
    },
    #[error("there is no engine {name:?}; there are: {}", known.join(", "))]
    UnknownEngine { name: String, known: Vec<String> },
    #[error("no engine can do it here{}", passed_over(.0))]
    NoEngine(Vec<PassedOver>),
    #[error("the engine {engine} is not available: {reason}; {hint}")]
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
    #[error("the path {0:?} leads out of the environment; name one inside it")]
    OutsideEnvironment(String),
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the engine {engine} failed")]
    Engine {
        engine: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the manager is shut down; make a new one")]
    ShutDown,
    #[error("{} of the environments could not be destroyed; the first failure follows", .0.len())]
    Cleanup(Vec<Error>),
}

fn list(lacks: &[Lack]) -> String {
    let one = |lack: &Lack| format!("{} ({})", lack.feature, lack.reason);
    lacks.iter().map(one).collect::<Vec<_>>().join(", no ")
}

fn able_engines(able: &[String]) -> String {
    match able {
        [] => String::new(),
        names => format!("; engines that can: {}", names.join(", ")),
    }
}

fn passed_over(engines: &[PassedOver]) -> String {
    let one = |passed: &PassedOver| format!("; {}: {}", passed.engine, passed.why);
    engines.iter().map(one).collect()
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        Self(Box::new(Report {
            operation: None,
            on: None,
            cause,
        }))
    }
}

/// For authors of engines: the errors that an engine makes.
impl Error {
    /// An argument is refused; the text says which, and what would be right.
    pub fn invalid(text: impl Into<String>) -> Self {
        Cause::InvalidInput(text.into()).into()
    }

    /// What was asked for needs features that the engine lacks.
    pub fn unsupported(engine: &str, lacks: Vec<Lack>) -> Self {
        let engine = engine.to_owned();
        let able = Vec::new();
        Cause::Unsupported { engine, lacks, able }.into()
    }

    /// The engine does not answer here; the way out says what a person can do about it.
    pub fn unavailable(engine: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Cause::Unavailable {
            engine: engine.to_owned(),
            reason: reason.into(),
            hint: hint.into(),
        }
        .into()
    }

    /// The environment's status does not allow the call; the way out says which call comes first.
    pub fn wrong_status(status: Status, hint: &'static str) -> Self {
        Cause::WrongStatus { status, hint }.into()
    }

    /// There is no such thing; the text names it.
    pub fn not_found(text: impl Into<String>) -> Self {
        Cause::NotFound(text.into()).into()
    }

    /// A path leads out of the environment.
    pub fn outside(path: &str) -> Self {
        Cause::OutsideEnvironment(path.to_owned()).into()
    }

    /// A file operation failed: `action` is a verb ("read", "create the folder").
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Cause::Io { action, path, source }.into()
    }

    /// The engine itself reported a failure, which becomes the source.
    pub fn engine(engine: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let (engine, source) = (engine.to_owned(), source.into());
        Cause::Engine { engine, source }.into()
    }

    /// Adds which operation failed, and on what, unless that is known already.
    pub fn during(mut self, operation: &'static str, on: &str) -> Self {
        if self.0.operation.is_none() {
            self.0.operation = Some(operation);
            self.0.on = Some(on.to_owned());
        }
        self
    }
}

impl Error {
    /// Adds the engines that could do what this one cannot.
    pub(crate) fn with_able(mut self, names: Vec<String>) -> Self {
        if let Cause::Unsupported { able, .. } = &mut self.0.cause {
            *able = names;
        }
        self
    }

    /// What kind of failure this is.
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

    /// What was being done, such as `create the environment`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// What it was done to: a name, a path, a command.
    pub fn subject(&self) -> Option<&str> {
        self.0.on.as_deref()
    }

    /// The features that the engine lacks, with the reasons.
    pub fn lacks(&self) -> &[Lack] {
        match &self.0.cause {
            Cause::Unsupported { lacks, .. } => lacks,
            _ => &[],
        }
    }

    /// The registered engines that have what this one lacks.
    pub fn able_engines(&self) -> &[String] {
        match &self.0.cause {
            Cause::Unsupported { able, .. } => able,
            _ => &[],
        }
    }

    /// The engines that were tried and not taken, when none was left.
    pub fn passed_over(&self) -> &[PassedOver] {
        match &self.0.cause {
            Cause::NoEngine(engines) => engines,
            _ => &[],
        }
    }

    /// Each failure of a clean-up that went on after the first.
    pub fn failures(&self) -> &[Error] {
        match &self.0.cause {
            Cause::Cleanup(failures) => failures,
            _ => &[],
        }
    }

    /// The engine cannot do what was asked for.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// There is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.operation, &self.0.on) {
            (Some(operation), Some(on)) => write!(f, "cannot {operation} {on}: {}", self.0.cause),
            _ => self.0.cause.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("text", &self.to_string())
            .field("source", &std::error::Error::source(self))
            .finish()
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
    use crate::capabilities::Feature;

    #[test]
    fn unsupported_names_the_lack_its_reason_and_who_can() {
        let lack = Lack {
            feature: Feature::MemoryLimit,
            reason: "no cgroup".into(),
        };
        let error = Error::unsupported("basic", vec![lack])
            .with_able(vec!["docker".into()])
            .during("create the environment", "web");
        assert_eq!(
            error.to_string(),
            "cannot create the environment web: the engine basic has no memory limit (no cgroup); \
             engines that can: docker"
        );
        assert!(error.is_unsupported());
    }

    #[test]
    fn a_source_is_printed_by_its_own_level_only() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = Error::io("read", Path::new("/x"), missing).during("copy in", "a.txt");
        assert_eq!(error.to_string(), "cannot copy in a.txt: cannot read /x");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn the_first_context_stays() {
        let error = Error::invalid("x")
            .during("execute", "ls")
            .during("create", "web");
        assert_eq!(
            (error.operation(), error.subject()),
            (Some("execute"), Some("ls"))
        );
    }
}
