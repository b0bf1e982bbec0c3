//! The exit status of a command.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The exit status of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExitStatus {
    /// The exit code; as in a shell, 128 + n for signal n, 127 for a program that does not exist,
    /// 126 for a program that cannot be run.
    pub code: i32,
    /// The number of the signal that ended it, if the engine reports it.
    pub signal: Option<i32>,
    /// Whether it was killed at its timeout.
    pub timed_out: bool,
    /// Whether it was killed at the memory limit, if the engine reports it.
    pub oom: bool,
    /// Whether all output was read. `false` if a background process of the command still had the
    /// output open: later output of that process is lost, so redirect it to a file.
    pub output_complete: bool,
}

impl ExitStatus {
    /// An exit with a code.
    pub fn from_code(code: i32) -> Self {
        Self {
            code,
            signal: None,
            timed_out: false,
            oom: false,
            output_complete: true,
        }
    }

    /// An exit by a signal.
    pub fn from_signal(signal: i32) -> Self {
        Self {
            signal: Some(signal),
            ..Self::from_code(128 + signal)
        }
    }

    /// Whether the command exited with code 0 and without a timeout.
    pub fn success(&self) -> bool {
        self.code == 0 && !self.timed_out
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.signal {
            _ if self.timed_out => f.write_str("killed at its timeout"),
            _ if self.oom => f.write_str("killed at its memory limit"),
            Some(signal) => write!(f, "killed by signal {signal}"),
            None => write!(f, "exit code {}", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_status_has_shell_exit_codes() {
        assert_eq!(ExitStatus::from_signal(9).code, 137);
        assert!(ExitStatus::from_code(0).success());
        let late = ExitStatus {
            timed_out: true,
            ..ExitStatus::from_code(0)
        };
        assert!(!late.success());
    }
}
