//! Inspecting an exec.

use serde::{Deserialize, Serialize};

use super::Execs;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Exec>> = Operation::get("ExecInspect", "/exec/{id}/json");

impl Execs<'_> {
    /// Tells the state of a command; `exit_code` is `None` until it has ended.
    pub async fn inspect(&self, id: &str) -> Result<Exec> {
        self.docker.call(&INSPECT).at(id).send().await
    }
}

/// A command in a container. Reply of `ExecInspect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Exec {
    /// Its id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Whether it runs.
    pub running: bool,
    /// The exit code; `None` until it has ended.
    pub exit_code: Option<i64>,
    /// What was run.
    pub process_config: ExecProcess,
    /// Whether its input is open.
    pub open_stdin: bool,
    /// Whether its error output is wanted.
    pub open_stderr: bool,
    /// Whether its output is wanted.
    pub open_stdout: bool,
    /// Whether the engine may forget it.
    pub can_remove: bool,
    /// The id of the container.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// The keys that detach, as bytes in base64.
    pub detach_keys: String,
    /// The process's id on the host; 0 before it started.
    pub pid: i64,
}

/// What was run; on the wire in lower case. Definition `ProcessConfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ExecProcess {
    /// Whether it has a terminal.
    pub tty: bool,
    /// The program.
    pub entrypoint: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether it has all rights; `None` when the engine does not say.
    pub privileged: Option<bool>,
    /// The user it runs as; empty is the container's.
    pub user: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn the_exit_code_is_none_while_it_runs() {
        let text = br#"{"ID":"e1","Running":true,"ExitCode":null,"DetachKeys":"EBE=","Pid":7,
            "ProcessConfig":{"tty":false,"entrypoint":"sh","arguments":null,"privileged":false}}"#;
        let exec: Exec = decode(text).unwrap();
        assert_eq!((exec.id.as_str(), exec.exit_code), ("e1", None));
        assert_eq!(exec.process_config.privileged, Some(false));
    }
}
