//! The causes of errors, which the modules create.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use super::wire_error::WireError;
use super::{Error, ErrorKind};
use crate::engine::capabilities::{MissingFeature, RejectedEngine};
use crate::environment::status::{IllegalTransition, Status};
use crate::environment::wait_until::NotReady;
use crate::short::{short, short_path};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    /// An error that is only a text.
    #[error("{text}")]
    Text { kind: ErrorKind, text: String },
    #[error("{}", join("; ", .0.iter()))]
    Faults(Vec<Error>),
    #[error(
        "engine `{engine}` does not support: {}{}",
        list(missing),
        supported_by(alternatives)
    )]
    Unsupported {
        engine: String,
        missing: Vec<MissingFeature>,
        alternatives: Vec<String>,
    },
    #[error("unknown engine {:?}; registered engines: {}", short(name), known.join(", "))]
    UnknownEngine { name: String, known: Vec<String> },
    #[error("no available engine supports this environment{}", skipped(.0))]
    NoEngine(Vec<RejectedEngine>),
    #[error("engine `{engine}` is not available: {reason}; {hint}")]
    Unavailable {
        engine: String,
        reason: String,
        hint: String,
    },
    #[error("the environment is {}; {hint}", described(*status))]
    WrongStatus { status: Status, hint: Cow<'static, str> },
    #[error("{0}")]
    Transition(IllegalTransition),
    #[error("the path {:?} is outside the environment; use a path inside it", short_path(.0))]
    OutsideEnvironment(String),
    #[error("cannot {action} {}", short_path(&path.display().to_string()))]
    Io {
        action: Cow<'static, str>,
        path: PathBuf,
        source: io::Error,
    },
    #[error("engine `{engine}` failed")]
    Engine {
        engine: String,
        kind: ErrorKind,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the environment is not ready")]
    NotReady { kind: ErrorKind, source: NotReady },
    #[error("the manager is shut down; create a new one")]
    ShutDown,
    #[error("{} of the environments could not be destroyed; the first error follows", .0.len())]
    Cleanup(Vec<Error>),
    #[error("{}", .0.message)]
    Remote(Box<WireError>),
}

impl Cause {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Text { kind, .. } | Self::Engine { kind, .. } | Self::NotReady { kind, .. } => *kind,
            Self::Faults(faults) => {
                let invalid = faults.iter().any(|fault| fault.kind() == ErrorKind::InvalidInput);
                match faults.first() {
                    Some(first) if !invalid => first.kind(),
                    _ => ErrorKind::InvalidInput,
                }
            }
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::UnknownEngine { .. } | Self::NoEngine(_) => ErrorKind::NoEngine,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::WrongStatus { .. } | Self::Transition(_) => ErrorKind::WrongStatus,
            Self::OutsideEnvironment(_) => ErrorKind::OutsideEnvironment,
            Self::Io { .. } => ErrorKind::Io,
            Self::ShutDown => ErrorKind::ShutDown,
            Self::Cleanup(_) => ErrorKind::Cleanup,
            Self::Remote(remote) => remote.kind,
        }
    }

    pub(super) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Engine { source, .. } => Some(source.as_ref()),
            Self::NotReady { source, .. } => Some(source),
            Self::Cleanup(failures) => failures.first().map(|first| first as _),
            Self::Remote(remote) => remote.source(),
            _ => None,
        }
    }

    /// Why an engine is skipped, for a text that already names the engine.
    pub(super) fn skip_reason(&self) -> String {
        match self {
            Self::Unsupported { missing, .. } => format!("does not support: {}", list(missing)),
            Self::Unavailable { reason, hint, .. } => format!("not available: {reason}; {hint}"),
            other => other.to_string(),
        }
    }
}

fn described(status: Status) -> String {
    match status {
        Status::Created => "created, but not started".to_owned(),
        other => other.to_string(),
    }
}

fn join(separator: &str, items: impl Iterator<Item = impl ToString>) -> String {
    let texts: Vec<String> = items.map(|item| item.to_string()).collect();
    texts.join(separator)
}

fn list(missing: &[MissingFeature]) -> String {
    join(
        ", ",
        missing
            .iter()
            .map(|one| format!("{} ({})", one.feature, one.reason)),
    )
}

fn supported_by(alternatives: &[String]) -> String {
    match alternatives {
        [] => String::new(),
        names => format!("; supported by: {}", names.join(", ")),
    }
}

fn skipped(engines: &[RejectedEngine]) -> String {
    match engines {
        [] => String::new(),
        engines => format!(": {}", join("; ", engines.iter())),
    }
}
