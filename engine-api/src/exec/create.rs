//! Creating an exec: a command to run in a container.

use serde::{Deserialize, Serialize};

use super::Execs;
use crate::Version;
use crate::common::{EnvList, StringList, TerminalSize};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static CREATE: Operation<Json<ExecCreated>> =
    Operation::post("ContainerExec", "/containers/{id}/exec").success(&[201]);

impl Execs<'_> {
    /// Prepares a command in a container; it does not run yet.
    ///
    /// # Errors
    ///
    /// 404 when there is no such container, 409 when it does not run.
    pub async fn create(&self, container: &str, exec: CreateExec) -> Result<ExecCreated> {
        let empty = exec
            .cmd
            .is_empty()
            .then(|| "the command is empty; set `cmd`".to_owned());
        self.docker
            .call(&CREATE)
            .at(container)
            .json(&exec)
            .reject_if(empty)
            .needs(
                exec.console_size.is_some(),
                "CreateExec::console_size",
                Version::new(1, 42),
            )
            .send()
            .await
    }
}

/// A command to run in a container. Body of `ContainerExec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateExec {
    /// The command and its arguments.
    pub cmd: StringList,
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

/// A command was made. Definition `IDResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ExecCreated {
    /// Its id.
    #[serde(alias = "ID")]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn a_command_is_sent_without_what_is_not_set_and_shown_without_values() {
        let exec = CreateExec {
            cmd: ["env"].into(),
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
}
