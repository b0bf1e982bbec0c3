//! A result of the health check.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::command::exit_status::ExitStatus;

/// The length of the output that is kept, in bytes.
const OUTPUT: usize = 4096;

/// A result of the [health check](crate::EnvironmentSpec::health).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CheckResult {
    /// Time of the end of the check.
    #[cfg_attr(feature = "schema", schemars(with = "crate::protocol::schema::Moment"))]
    #[serde(with = "crate::events::rfc3339")]
    pub at: SystemTime,
    /// The exit status; `None` if it could not be run.
    pub exit: Option<ExitStatus>,
    /// The last 4096 bytes of its output, both streams, as text.
    pub output: String,
}

impl CheckResult {
    pub(crate) fn new(exit: ExitStatus, output: &[u8]) -> Self {
        Self {
            at: SystemTime::now(),
            exit: Some(exit),
            output: last_text(output),
        }
    }

    /// A check that the engine has run.
    pub(crate) fn by_engine(at: SystemTime, exit: Option<ExitStatus>, output: &str) -> Self {
        Self {
            at,
            exit,
            output: last_text(output.as_bytes()),
        }
    }

    /// A check that could not be run, and why.
    pub(crate) fn not_run(why: String) -> Self {
        Self {
            at: SystemTime::now(),
            exit: None,
            output: why,
        }
    }
}

/// The exit status and the last line of the output, on one line.
impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exit {
            Some(exit) => exit.fmt(f)?,
            None => f.write_str("it could not be run")?,
        }
        match self.output.trim_end().lines().last() {
            Some(line) => write!(f, ": {}", line.trim()),
            None => Ok(()),
        }
    }
}

fn last_text(output: &[u8]) -> String {
    let begin = output.len().saturating_sub(OUTPUT);
    String::from_utf8_lossy(&output[begin..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_long_output_is_kept() {
        let output = ["x".repeat(OUTPUT), "end".to_owned()].concat();
        let result = CheckResult::new(ExitStatus::from_code(1), output.as_bytes());
        assert!(result.output.len() == OUTPUT && result.output.ends_with("xend"));
    }

    #[test]
    fn result_is_printed_on_one_line() {
        let failed = CheckResult::new(ExitStatus::from_code(1), b"a\nnot yet\n");
        assert_eq!(failed.to_string(), "exit code 1: not yet");
        assert_eq!(
            CheckResult::new(ExitStatus::from_code(2), b"").to_string(),
            "exit code 2"
        );
        let not_run = CheckResult::not_run("no such program".to_owned());
        assert_eq!(not_run.to_string(), "it could not be run: no such program");
    }
}
