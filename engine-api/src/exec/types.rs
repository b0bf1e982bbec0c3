//! A command to run in a container, and what became of it.

use serde::{Deserialize, Serialize};

use crate::common::EnvList;
use crate::containers::TerminalSize;

/// A command to run in a container. Body of `ContainerExec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateExec {
    /// The command and its arguments.
    pub cmd: Vec<String>,
    /// Whether input will be sent.
    pub attach_stdin: bool,
    /// Whether the output is wanted.
    pub attach_stdout: bool,
    /// Whether the error output is wanted.
    pub attach_stderr: bool,
    /// Whether the command gets a terminal; its output is then one stream, without frames.
    pub tty: bool,
    /// The terminal's size, which needs `tty`. Since API 1.42.
    pub console_size: Option<TerminalSize>,
    /// The keys that detach, such as `ctrl-p,ctrl-q`; empty is the engine's choice.
    pub detach_keys: String,
    /// Variables beside those of the container, `NAME=value` each.
    pub env: EnvList,
    /// The folder the command starts in; empty is the container's.
    pub working_dir: String,
    /// The user to run as: `user`, `user:group`, or numbers; empty is the container's.
    pub user: String,
    /// Whether the command gets all rights.
    pub privileged: bool,
}

/// How to start a command that was made. Body of `ExecStart`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct StartExec {
    /// Whether to return at once, without its output.
    pub detach: bool,
    /// Whether it has a terminal, as it was made.
    pub tty: bool,
    /// The terminal's size, which needs `tty`. Since API 1.42.
    pub console_size: Option<TerminalSize>,
}

/// A command was made. Definition `IDResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ExecCreated {
    /// Its id.
    #[serde(alias = "ID")]
    pub id: String,
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
    use crate::wire::json::{decode, encode};

    #[test]
    fn a_command_is_sent_without_what_is_not_set_and_shown_without_values() {
        let exec = CreateExec {
            cmd: vec!["env".into()],
            attach_stdout: true,
            tty: true,
            console_size: Some([24, 80].into()),
            env: ["TOKEN=hunter2"].into(),
            ..Default::default()
        };
        assert_eq!(
            String::from_utf8(encode(&exec).unwrap()).unwrap(),
            r#"{"Cmd":["env"],"AttachStdout":true,"Tty":true,"ConsoleSize":[24,80],"Env":["TOKEN=hunter2"]}"#
        );
        assert!(!format!("{exec:?}").contains("hunter2"));
    }

    #[test]
    fn the_exit_code_is_none_while_it_runs() {
        let text = br#"{"ID":"e1","Running":true,"ExitCode":null,"DetachKeys":"EBE=","Pid":7,
            "ProcessConfig":{"tty":false,"entrypoint":"sh","arguments":null,"privileged":false}}"#;
        let exec: Exec = decode(text).unwrap();
        assert_eq!((exec.id.as_str(), exec.exit_code), ("e1", None));
        assert_eq!(exec.process_config.privileged, Some(false));
    }
}
