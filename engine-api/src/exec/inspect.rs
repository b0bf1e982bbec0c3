//! Inspecting an exec.

use serde::{Deserialize, Serialize};

use super::Execs;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Exec>> = Operation::get("ExecInspect", "/exec/{id}/json");

impl Execs<'_> {
    /// Returns the state of an exec; `exit_code` is `None` until it has exited.
    pub async fn inspect(&self, id: &str) -> Result<Exec> {
        self.docker.call(&INSPECT).at(id).send().await
    }
}

/// An exec. Reply of `ExecInspect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Exec {
    /// ID of the exec.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Whether it is running.
    pub running: bool,
    /// Exit code; `None` until it has exited.
    pub exit_code: Option<i64>,
    /// Process of the exec.
    pub process_config: ExecProcess,
    /// Whether standard input is attached.
    pub open_stdin: bool,
    /// Whether standard error is attached.
    pub open_stderr: bool,
    /// Whether standard output is attached.
    pub open_stdout: bool,
    /// Whether the engine may remove it.
    pub can_remove: bool,
    /// ID of the container.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Key sequence that detaches, as bytes in base64.
    pub detach_keys: String,
    /// PID on the host; 0 before the start.
    pub pid: i64,
}

/// The process of an exec. Definition `ProcessConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExecProcess {
    /// Whether it has a terminal.
    pub tty: bool,
    /// Program.
    pub entrypoint: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// Whether it has all capabilities; `None` if the engine does not report it.
    pub privileged: Option<bool>,
    /// User; empty is the container's.
    pub user: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn exec_has_no_exit_code_while_it_runs() {
        let text = br#"{"ID":"e1","Running":true,"ExitCode":null,"DetachKeys":"EBE=","Pid":7,
            "ProcessConfig":{"tty":false,"entrypoint":"sh","arguments":null,"privileged":false}}"#;
        let exec: Exec = decode(text).unwrap();
        assert_eq!((exec.id.as_str(), exec.exit_code), ("e1", None));
        assert_eq!(exec.process_config.privileged, Some(false));
    }
}
