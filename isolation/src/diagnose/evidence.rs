//! The facts that were collected about a failure.

use serde::{Deserialize, Serialize};

use crate::command::exit_status::ExitStatus;
use crate::environment::status::Status;
use crate::error::ErrorKind;
use crate::history::CheckResult;

/// The facts about a failure, collected before anything was removed. A missing value is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Evidence {
    /// The error and its sources, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// The kind of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ErrorKind>,
    /// The name of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The program of the main process and its arguments, if the specification names one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub main: Vec<String>,
    /// Whether the specification asks for no network.
    pub without_network: bool,
    /// The status of the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The exit status of the main process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<ExitStatus>,
    /// Whether the engine reported that a process was killed at the memory limit.
    pub out_of_memory: bool,
    /// The last 200 lines that the main process wrote to standard output.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stdout: Vec<String>,
    /// The last 200 lines that it wrote to standard error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<String>,
    /// The last command that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<FailedCommand>,
    /// The last results of the health check, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
    /// The platforms of the image and of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Platforms>,
    /// The file of the program that could not be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramFile>,
}

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedCommand {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its exit status.
    pub exit: ExitStatus,
    /// The last lines of its output, of both streams.
    pub output: Vec<String>,
}

/// The platforms of an image and of the machine on which it runs, as `os/architecture`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Platforms {
    /// The platform of the image.
    pub image: String,
    /// The platform of the machine.
    pub machine: String,
}

/// The beginning of the file of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProgramFile {
    /// Its path in the environment.
    pub path: String,
    /// Its permissions, as `chmod` takes them.
    pub mode: u32,
    /// Its first line, or its first bytes, as text.
    pub head: String,
}

impl Evidence {
    /// The last lines of the programs: of the failed command, or of the main process.
    pub(super) fn output(&self) -> impl Iterator<Item = &String> {
        let command = self.command.iter().flat_map(|command| &command.output);
        let checks = self.checks.last().map(|check| &check.output);
        command.chain(&self.stderr).chain(&self.stdout).chain(checks)
    }

    /// The exit status of the failed command or main process.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.command.as_ref().map(|command| command.exit).or(self.exit)
    }

    /// The program that failed.
    pub(super) fn failed_program(&self) -> Option<&str> {
        let command = self.command.as_ref().map(|command| &command.argv);
        command.unwrap_or(&self.main).first().map(String::as_str)
    }
}
