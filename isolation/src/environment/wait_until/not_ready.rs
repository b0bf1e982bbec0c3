//! The error of a wait.

use std::fmt;
use std::time::Duration;

use crate::command::exit_status::ExitStatus;
use crate::history::CheckResult;

/// How many results of the health check an error has.
pub(super) const CHECKS: usize = 5;

/// Why an environment did not become ready: the source of an [`Error`](crate::Error) of the kind
/// [`Timeout`](crate::ErrorKind::Timeout), [`Unhealthy`](crate::ErrorKind::Unhealthy) (its main
/// process has ended, or its health check fails) or
/// [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
///
/// ```
/// # fn demo(error: &isolation::Error) {
/// use std::error::Error as _;
///
/// let source = error.source();
/// let found = source.and_then(|source| source.downcast_ref::<isolation::NotReady>());
/// if let Some(not_ready) = found {
///     not_ready.last_lines.iter().for_each(|line| eprintln!("{line}"));
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotReady {
    /// The condition, in words.
    pub condition: String,
    /// The duration of the wait.
    pub elapsed: Duration,
    /// The last observation of each part of the condition that was not true.
    pub observed: Vec<String>,
    /// The last five results of the health check, oldest first, if the condition is about it.
    pub checks: Vec<CheckResult>,
    /// The exit status of the main process, if its exit ended the wait.
    pub exit: Option<ExitStatus>,
    /// The last lines of the main process. Lines of standard output and of standard error have no
    /// order between them, because an engine reads the two at the same time.
    pub last_lines: Vec<String>,
    /// The last of these lines that was written to standard error: usually the reason.
    pub last_of_stderr: Option<String>,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exit {
            Some(exit) => write!(
                f,
                "the main process ended after {:.1} s: {exit}",
                self.elapsed.as_secs_f64()
            )?,
            None => write!(f, "not ready after {:.1} s", self.elapsed.as_secs_f64())?,
        }
        match self.observed.as_slice() {
            [] => write!(f, "; waited for {}", self.condition)?,
            observed => write!(f, "; {}", observed.join("; "))?,
        }
        match self.last_of_stderr.as_ref().or(self.last_lines.last()) {
            Some(line) => write!(f, "; last output: {line}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NotReady {}

/// Results of the health check on one line, oldest first; equal ones in a row once.
pub(super) fn in_words(checks: &[CheckResult]) -> String {
    let mut words: Vec<(String, usize)> = Vec::new();
    for check in checks {
        let text = check.to_string();
        match words.last_mut() {
            Some((last, times)) if *last == text => *times += 1,
            _ => words.push((text, 1)),
        }
    }
    let word = |(text, times): (String, usize)| match times {
        1 => text,
        times => format!("{text} ({times} times)"),
    };
    words.into_iter().map(word).collect::<Vec<_>>().join(", then ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_the_last_line_of_stderr() {
        let mut not_ready = NotReady {
            condition: "port 80".to_owned(),
            elapsed: Duration::from_secs(1),
            observed: Vec::new(),
            checks: Vec::new(),
            exit: Some(ExitStatus::from_code(3)),
            // The engine has read standard output later.
            last_lines: ["no key DATABASE_URL", "reading the configuration"]
                .map(str::to_owned)
                .into(),
            last_of_stderr: Some("no key DATABASE_URL".to_owned()),
        };
        assert!(
            not_ready
                .to_string()
                .ends_with("; last output: no key DATABASE_URL")
        );
        not_ready.last_of_stderr = None;
        let text = not_ready.to_string();
        assert!(
            text.ends_with("; last output: reading the configuration"),
            "{text}"
        );
    }

    #[test]
    fn equal_results_in_a_row_are_shown_once() {
        let result = |code, output: &str| CheckResult::new(ExitStatus::from_code(code), output.as_bytes());
        let results = [result(1, "no"), result(1, "no"), result(2, ""), result(1, "no")];
        assert_eq!(
            in_words(&results),
            "exit code 1: no (2 times), then exit code 2, then exit code 1: no"
        );
        assert_eq!(in_words(&[]), "");
    }
}
