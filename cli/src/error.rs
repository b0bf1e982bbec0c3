//! The error of a command, as it is printed: the message, one cause per line, and a hint.

use std::error::Error;
use std::io;

use serde::Serialize;

use crate::exit_code;

/// An error on its way to `main`, which prints it.
#[derive(Debug, Serialize)]
pub(crate) struct CliError {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// The last lines of a service.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: Box<[String]>,
    #[serde(rename = "exit")]
    code: u8,
    /// Errors that came after this one, such as those of the cleanup.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    followed_by: Vec<CliError>,
    #[serde(skip)]
    broken_pipe: bool,
}

impl CliError {
    /// An error of `isolate` itself.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            log: Box::default(),
            code: exit_code::FAILED,
            followed_by: Vec::new(),
            broken_pipe: false,
        }
    }

    /// An error whose message and causes are those of another error.
    pub(crate) fn from_error(error: &dyn Error) -> Self {
        let mut levels = levels(error).into_iter();
        Self {
            message: levels.next().unwrap_or_default(),
            causes: levels.collect(),
            ..Self::new("")
        }
    }

    /// An error while writing this process's own output.
    pub(crate) fn output(error: &io::Error) -> Self {
        Self {
            broken_pipe: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new("cannot write the output").because(error)
        }
    }

    /// Adds an error and its sources as causes.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        self.causes.extend(levels(error));
        self
    }

    /// Adds a text as a cause.
    pub(crate) fn because_of(mut self, cause: &str) -> Self {
        self.causes.push(cause.to_owned());
        self
    }

    /// Adds each fault of an input as a cause, or the error and its sources if it is a single one.
    pub(crate) fn because_of_faults(self, error: &isolation::Error) -> Self {
        match error.failures() {
            [] => self.because(error),
            faults => Self {
                causes: faults.iter().map(ToString::to_string).collect(),
                ..self
            },
        }
    }

    /// Adds a hint: what the user can do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets another exit code.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Adds an error that occurred later. It is printed after this error, and its exit code is not
    /// used.
    pub(crate) fn followed_by(mut self, later: Self) -> Self {
        self.followed_by.push(later);
        self
    }

    /// Whether the message or a cause contains this text.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        std::iter::once(&self.message)
            .chain(&self.causes)
            .any(|level| level.contains(text))
    }

    /// The message without its causes.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Whether the reader of this process's output closed the pipe.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// The text for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}\n", indent(&self.message, "  "));
        for cause in &self.causes {
            text.push_str(&format!("  caused by: {}\n", indent(cause, "    ")));
        }
        if !self.log.is_empty() {
            text.push_str("  the last lines of its output:\n");
        }
        for line in &self.log {
            text.push_str(&format!("    {line}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        self.followed_by
            .iter()
            .fold(text, |text, later| text + &later.text())
    }
}

/// The texts of an error and its sources, without a text that the level above already contains.
fn levels(error: &dyn Error) -> Vec<String> {
    let mut levels: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !levels.last().is_some_and(|last| last.contains(&text)) {
            levels.push(text);
        }
        next = error.source();
    }
    levels
}

/// Shortens a list of clauses to a line or two: the reason why an engine was skipped can list every
/// address that was tried.
pub(crate) fn brief(text: &str) -> String {
    const ENOUGH: usize = 240;
    let mut clauses = text.split("; ");
    let mut brief = clauses.next().unwrap_or_default().to_owned();
    for clause in clauses {
        if brief.len() + clause.len() > ENOUGH {
            return brief + "; …";
        }
        brief = format!("{brief}; {clause}");
    }
    brief
}

/// Indents every line but the first.
fn indent(text: &str, by: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim().to_owned();
    lines.fold(first, |text, line| format!("{text}\n{by}{}", line.trim()))
}

impl From<engine_api::Error> for CliError {
    fn from(error: engine_api::Error) -> Self {
        let cli = match error.probed_endpoints() {
            [] => Self::from_error(&error),
            probed => Self {
                causes: probed.iter().map(probed_text).collect(),
                ..Self::new("no Docker daemon answers")
            },
        };
        match error.kind() {
            engine_api::ErrorKind::Unreachable => {
                cli.hint("`isolate doctor` lists the addresses tried; --host names another one")
            }
            _ => cli,
        }
    }
}

/// The last lines of a service that did not become ready, unless the message has all of them.
fn last_lines(error: &isolation::Error) -> &[String] {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(not_ready) = error.downcast_ref::<isolation::NotReady>() {
            return match not_ready.last_lines.as_slice() {
                [_] => &[],
                lines => lines,
            };
        }
        source = error.source();
    }
    &[]
}

/// One address that was tried, and its error.
fn probed_text(endpoint: &engine_api::error::ProbedEndpoint) -> String {
    let outcome = endpoint.error.as_deref().unwrap_or("answers");
    format!("{} ({}): {outcome}", endpoint.address, endpoint.source)
}

impl From<isolation::Error> for CliError {
    fn from(error: isolation::Error) -> Self {
        if !error.rejected().is_empty() {
            let causes = error.rejected().iter();
            return Self {
                causes: causes.map(|skipped| brief(&skipped.to_string())).collect(),
                ..Self::new("no available engine supports this environment").hint(NO_ENGINE)
            };
        }
        let mut cli = Self::from_error(&error);
        cli.log = last_lines(&error).into();
        let faults: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
        if let Some(prefix) = cli
            .message
            .strip_suffix(&faults.join("; "))
            .filter(|_| faults.len() > 1)
        {
            cli.message = format!("{prefix}{} errors", faults.len());
            cli.causes = faults;
            return cli;
        }
        if let Some(hint) = error.hint() {
            if let Some(message) = cli.message.strip_suffix(&format!("; {hint}")) {
                cli.message = message.to_owned();
                return cli.hint(hint);
            }
        }
        match error.kind() {
            isolation::ErrorKind::NoEngine | isolation::ErrorKind::Unavailable => {
                // It may list every address that was tried.
                if cli.message.len() > LONGEST {
                    cli.message = brief(&cli.message);
                }
                cli.hint(NO_ENGINE)
            }
            isolation::ErrorKind::Unsupported if cli.mentions(NO_MAIN) => cli.hint(IDLE),
            isolation::ErrorKind::Unsupported => cli.hint(match error.alternatives() {
                [] => "`isolate engines` lists the features of each engine".to_owned(),
                names => format!(
                    "use an environment of an engine that supports it: {}",
                    names.join(", ")
                ),
            }),
            // Their texts say what to do.
            isolation::ErrorKind::InvalidInput | isolation::ErrorKind::Conflict => cli,
            isolation::ErrorKind::NotFound if error.source().is_none() => cli,
            _ => match error.diagnosis() {
                Some(found) => {
                    let cause = found.cause;
                    cli.hint(format!("the likely cause: {cause}; {}", cause.hint()))
                }
                None => cli,
            },
        }
    }
}

/// A longer message is a list.
const LONGEST: usize = 600;

/// The error of a call that needs a main process.
const NO_MAIN: &str = "has no main process";

const IDLE: &str = "it waits for commands: `isolate exec` runs one, `isolate stop` and `isolate kill` without a \
                    signal end it; a command of `isolate create` is its main process";

const NO_ENGINE: &str = "`isolate engines` lists the features of each engine, \
                         `isolate doctor` reports why no Docker daemon answers";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_one_cause_per_line_then_the_hint() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let error = CliError::new("cannot read x")
            .because(&missing)
            .hint("name another");
        assert_eq!(
            error.text(),
            "error: cannot read x\n  caused by: no such file\nhint: name another\n"
        );
        assert_eq!(error.code(), 125);
    }

    #[test]
    fn source_that_the_error_quotes_is_not_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open: {0}\n  tried here")]
        struct Outer(#[source] io::Error);
        let error = CliError::from_error(&Outer(io::Error::other("locked")));
        assert_eq!(error.text(), "error: cannot open: locked\n  tried here\n");
        let error = CliError::from_error(&io::Error::other(io::Error::other("locked")));
        assert_eq!(error.text(), "error: locked\n");
    }

    #[test]
    fn later_error_is_printed_after_the_first() {
        let error = CliError::new("no such image")
            .hint("name another")
            .followed_by(CliError::new("not cleaned up").with_code(1));
        assert_eq!(
            error.text(),
            "error: no such image\nhint: name another\nerror: not cleaned up\n"
        );
        assert_eq!(error.code(), 125);
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(json["followed_by"][0]["message"], "not cleaned up");
        assert!(error.mentions("such") && !error.mentions("cleaned"));
    }

    #[test]
    fn long_list_is_cut_between_clauses() {
        assert_eq!(brief("docker: gone; start it"), "docker: gone; start it");
        let long = format!("docker: gone{}", "; not there either".repeat(50));
        let cut = brief(&long);
        assert!(cut.len() < 260 && cut.ends_with("; not there either; …"), "{cut}");
    }

    #[test]
    fn only_a_closed_pipe_is_a_broken_pipe() {
        assert!(CliError::output(&io::ErrorKind::BrokenPipe.into()).is_broken_pipe());
        assert!(!CliError::output(&io::ErrorKind::StorageFull.into()).is_broken_pipe());
    }
}
