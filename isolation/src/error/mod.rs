//! The error of every call: the operation, its subject, the cause and a hint.
//!
//! The module where an error occurs creates the cause. The caller that knows the operation and its
//! subject adds them with [`Error::during`]. [`std::fmt::Display`] prints one level on one line,
//! and [`std::error::Error::source`] returns the next level. [`wire`] is the form of an error for
//! other processes.

mod cause;
mod create;
mod kind;
mod wire;
mod wire_error;

use std::borrow::Cow;
use std::fmt;

use crate::diagnose::{Diagnosis, Evidence, LikelyCause, diagnose};
use crate::engine::capabilities::{MissingFeature, RejectedEngine};
use crate::environment::first;
use crate::environment::status::Status;
use crate::short::short_path;

pub(crate) use cause::Cause;
pub use kind::ErrorKind;
#[cfg(feature = "schema")]
pub(crate) use wire_error::WireError;

/// The result of every call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed, in which operation, and on what.
///
/// ```
/// # fn demo(error: isolation::Error) {
/// for missing in error.missing() {
///     eprintln!("the engine does not support {}: {}", missing.feature, missing.reason);
/// }
/// # }
/// ```
///
/// It can be written as JSON and read again, for programs in other processes: the texts, the kind,
/// the missing features and the observed status are kept, the types of the sources are not.
pub struct Error(Box<Report>);

struct Report {
    operation: Option<Cow<'static, str>>,
    subject: Option<String>,
    observed: Option<Status>,
    evidence: Option<Evidence>,
    cause: Cause,
}

impl Error {
    /// Adds the operation and its subject, unless the error already has an operation. An empty
    /// subject is omitted.
    pub fn during(mut self, operation: &'static str, subject: &str) -> Self {
        if self.0.operation.is_none() {
            self.0.operation = Some(Cow::Borrowed(operation));
            self.0.subject = (!subject.is_empty()).then(|| short_path(subject).into_owned());
        }
        self
    }

    /// Replaces an operation, and its subject, by the one of which it was a part.
    pub(crate) fn part_of(mut self, part: &str, operation: &'static str, subject: &str) -> Self {
        if self.0.operation.as_deref() == Some(part) {
            self.0.operation = None;
        }
        self.during(operation, subject)
    }

    /// For authors of engines: adds the status of the environment that the failed call has
    /// observed, such as [`Status::Stopped`].
    pub fn observed(mut self, status: Status) -> Self {
        self.0.observed = Some(status);
        self
    }

    /// Adds the name of the environment to a hint that names a command for it.
    pub(crate) fn in_environment(mut self, name: &str) -> Self {
        match &mut self.0.cause {
            Cause::WrongStatus { hint, .. } => {
                if let Some(named) = first::named(hint, name) {
                    *hint = Cow::Owned(named);
                }
            }
            Cause::Text { text, .. } => {
                if let Some(named) = first::named(text, name) {
                    *text = named;
                }
            }
            _ => {}
        }
        self
    }

    /// Adds the collected facts about the failure.
    pub(crate) fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.0.evidence = Some(evidence);
        self
    }

    /// Adds the engines that support the missing features. The engine itself has them on other
    /// machines only: it has just found out that it does not.
    pub(crate) fn with_alternatives(mut self, mut names: Vec<String>) -> Self {
        if let Cause::Unsupported {
            engine, alternatives, ..
        } = &mut self.0.cause
        {
            names.retain(|name| name != engine);
            *alternatives = names;
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

    /// Why an engine cannot be used, and the hint, which may be empty.
    #[cfg(unix)]
    pub(crate) fn why_unavailable(&self) -> (String, String) {
        match &self.0.cause {
            Cause::Unavailable { reason, hint, .. } => (reason.clone(), hint.to_string()),
            _ => {
                let text = match std::error::Error::source(self) {
                    Some(source) => format!("{self}: {source}"),
                    None => self.to_string(),
                };
                (text, String::new())
            }
        }
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind()
    }

    /// The operation that failed, such as `create the environment`.
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The subject of the operation: a name, a path, a command.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The hint for people, if it is a separate part at the end of the message, after a semicolon:
    /// the engine is not available, or the status does not allow the call.
    pub fn hint(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Unavailable { hint, .. } => Some(hint),
            Cause::WrongStatus { hint, .. } => Some(hint),
            _ => None,
        }
    }

    /// The status of the environment that the failed call has observed, if there is one.
    pub fn observed_status(&self) -> Option<Status> {
        self.0.observed
    }

    /// The facts about the failure, collected before anything was removed: the last lines of the
    /// main process, its exit status, results of the health check. `None` for errors that explain
    /// themselves, and for errors from another process.
    ///
    /// ```
    /// # fn demo(error: &isolation::Error) {
    /// if let Some(evidence) = error.evidence() {
    ///     evidence.stderr.iter().for_each(|line| eprintln!("{line}"));
    /// }
    /// # }
    /// ```
    pub fn evidence(&self) -> Option<&Evidence> {
        self.0.evidence.as_ref()
    }

    /// The facts in the error itself.
    pub(crate) fn as_evidence(&self) -> Evidence {
        let mut evidence = Evidence {
            kind: Some(self.kind()),
            ..Evidence::default()
        };
        let mut next: Option<&dyn std::error::Error> = Some(self);
        while let Some(level) = next {
            evidence.error.push(level.to_string());
            next = level.source();
        }
        evidence
    }

    /// The likely cause of the failure, if the evidence shows one.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        let diagnosis = match self.evidence() {
            Some(evidence) => diagnose(evidence),
            None => diagnose(&self.as_evidence()),
        };
        (diagnosis.cause != LikelyCause::Unknown).then_some(diagnosis)
    }

    /// The features that the engine does not support, with the reasons.
    pub fn missing(&self) -> &[MissingFeature] {
        match &self.0.cause {
            Cause::Unsupported { missing, .. } => missing,
            Cause::Remote(remote) => &remote.missing,
            _ => &[],
        }
    }

    /// The registered engines that support these features.
    pub fn alternatives(&self) -> &[String] {
        match &self.0.cause {
            Cause::Unsupported { alternatives, .. } => alternatives,
            Cause::Remote(remote) => &remote.alternatives,
            _ => &[],
        }
    }

    /// The engines that were tried and skipped, if no engine was suitable.
    pub fn rejected(&self) -> &[RejectedEngine] {
        match &self.0.cause {
            Cause::NoEngine(engines) => engines,
            Cause::Remote(remote) => &remote.rejected,
            _ => &[],
        }
    }

    /// Every error of a cleanup, which continues after the first error, and every fault of an
    /// input, if there are several.
    pub fn failures(&self) -> &[Error] {
        match &self.0.cause {
            Cause::Cleanup(failures) | Cause::Faults(failures) => failures,
            _ => &[],
        }
    }

    /// Whether the engine does not support a feature that was requested.
    pub fn is_unsupported(&self) -> bool {
        self.kind() == ErrorKind::Unsupported
    }

    /// Whether the kind is [`ErrorKind::NotFound`].
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.operation, &self.0.subject) {
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
        self.0.cause.source()
    }
}

#[cfg(test)]
mod tests;
