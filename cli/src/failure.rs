//! Why a command failed, as it is shown: what, the causes one per line, and a hint.

use std::error::Error;
use std::io;

use serde::Serialize;

use crate::exit;

/// A failure on its way to `main`, which prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    #[serde(rename = "exit")]
    code: u8,
    #[serde(skip)]
    broken_pipe: bool,
}

impl Failure {
    /// A failure of `isolate` itself.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            code: exit::FAILED,
            broken_pipe: false,
        }
    }

    /// Adds an error and what is behind it as the causes.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        self.causes.extend(levels(error));
        self
    }

    /// Adds what the user can do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the process with this code instead.
    pub(crate) fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What went wrong, without its causes.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Whether it is only that nobody reads our output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// What people read.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}\n", set_in(&self.message, "  "));
        for cause in &self.causes {
            text.push_str(&format!("  caused by: {}\n", set_in(cause, "    ")));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        text
    }

    /// Our own output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        Self {
            broken_pipe: error.kind() == io::ErrorKind::BrokenPipe,
            ..Self::new("cannot write the output").because(error)
        }
    }

    /// A failure that an error tells whole.
    pub(crate) fn from_error(error: &dyn Error) -> Self {
        let mut levels = levels(error).into_iter();
        Self {
            message: levels.next().unwrap_or_default(),
            causes: levels.collect(),
            ..Self::new("")
        }
    }
}

/// An error and what is behind it. A level that its parent has quoted adds nothing.
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

/// The clauses that fit into a line or two: why an engine was not taken can be a list of every place where
/// it was looked for.
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

/// Lines after the first tell more of the same: they are set in below it.
fn set_in(text: &str, by: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim().to_owned();
    lines.fold(first, |text, line| format!("{text}\n{by}{}", line.trim()))
}

impl From<engine_api::Error> for Failure {
    fn from(error: engine_api::Error) -> Self {
        let failure = Self::from_error(&error);
        match error.kind() {
            engine_api::ErrorKind::Unreachable => failure
                .hint("`isolate doctor` shows where an engine was looked for; --host names another place"),
            _ => failure,
        }
    }
}

impl From<isolation::Error> for Failure {
    fn from(error: isolation::Error) -> Self {
        if !error.passed_over().is_empty() {
            return Self {
                causes: error
                    .passed_over()
                    .iter()
                    .map(|passed| brief(&passed.to_string()))
                    .collect(),
                ..Self::new("no engine can do it here").hint(NO_ENGINE)
            };
        }
        let failure = Self::from_error(&error);
        match error.kind() {
            isolation::ErrorKind::NoEngine | isolation::ErrorKind::Unavailable => failure.hint(NO_ENGINE),
            isolation::ErrorKind::Unsupported => failure.hint(match error.able_engines() {
                [] => "`isolate engines` shows what each engine can do".to_owned(),
                able => format!(
                    "choose one that can (--engine {}), or ask for less",
                    able.join("|")
                ),
            }),
            _ => failure,
        }
    }
}

const NO_ENGINE: &str =
    "`isolate engines` shows what each engine can do, `isolate doctor` why no Docker engine answers";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_come_one_per_line_then_the_hint() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = Failure::new("cannot read x")
            .because(&missing)
            .hint("name another");
        assert_eq!(
            failure.text(),
            "error: cannot read x\n  caused by: no such file\nhint: name another\n"
        );
        assert_eq!(failure.code(), 125);
    }

    #[test]
    fn a_level_that_its_parent_quotes_is_not_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open: {0}\n  tried here")]
        struct Outer(#[source] io::Error);
        let failure = Failure::from_error(&Outer(io::Error::other("locked")));
        assert_eq!(failure.text(), "error: cannot open: locked\n  tried here\n");
        let failure = Failure::from_error(&io::Error::other(io::Error::other("locked")));
        assert_eq!(failure.text(), "error: locked\n");
    }

    #[test]
    fn a_long_list_is_cut_between_its_clauses() {
        assert_eq!(brief("docker: gone; start it"), "docker: gone; start it");
        let long = format!("docker: gone{}", "; not there either".repeat(50));
        let cut = brief(&long);
        assert!(cut.len() < 260 && cut.ends_with("; not there either; …"), "{cut}");
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        assert!(Failure::output(&io::ErrorKind::BrokenPipe.into()).is_broken_pipe());
        assert!(!Failure::output(&io::ErrorKind::StorageFull.into()).is_broken_pipe());
    }
}
