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
    /// Creates an exec in a running container without starting it.
    ///
    /// # Errors
    ///
    /// 404 when the container does not exist, 409 when it is not running.
    pub async fn create(&self, container: &str, mut exec: CreateExec) -> Result<ExecCreated> {
        if exec.attach_stdin {
            exec.detach_keys = self.docker.detach_keys(exec.detach_keys);
        }
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
    /// Command and its arguments.
    pub cmd: StringList,
    /// Whether standard input is attached.
    pub attach_stdin: bool,
    /// Whether standard output is attached.
    pub attach_stdout: bool,
    /// Whether standard error is attached.
    pub attach_stderr: bool,
    /// Whether the command gets a terminal; its output is then a single stream.
    pub tty: bool,
    /// Size of the terminal; requires `tty`. Since API 1.42.
    pub console_size: Option<TerminalSize>,
    /// Key sequence that detaches, such as `ctrl-p,ctrl-q`; empty is the engine's default.
    pub detach_keys: String,
    /// Environment variables in addition to the container's, `NAME=value` each.
    pub env: EnvList,
    /// Working directory; empty is the container's.
    pub working_dir: String,
    /// User to run as: `user`, `user:group` or numeric IDs; empty is the container's.
    pub user: String,
    /// Whether the command gets all capabilities.
    pub privileged: bool,
}

impl<T: Into<String>, const N: usize> From<[T; N]> for CreateExec {
    /// The command and its arguments, without options.
    fn from(cmd: [T; N]) -> Self {
        Self {
            cmd: cmd.into(),
            ..Default::default()
        }
    }
}

impl<T: Into<String>> From<Vec<T>> for CreateExec {
    /// The command and its arguments, without options.
    fn from(cmd: Vec<T>) -> Self {
        Self {
            cmd: cmd.into(),
            ..Default::default()
        }
    }
}

/// The exec that was created. Definition `IDResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ExecCreated {
    /// ID of the exec.
    #[serde(alias = "ID")]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::encode;

    #[test]
    fn exec_is_made_of_its_words() {
        let exec = CreateExec::from(["sh", "-c", "true"]);
        assert_eq!(encode(&exec).unwrap(), br#"{"Cmd":["sh","-c","true"]}"#);
        assert_eq!(CreateExec::from(vec!["sh", "-c", "true"]), exec);
    }

    #[test]
    fn exec_is_sent_sparsely_and_printed_without_values() {
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
