//! Starts a command in a container, so that it can be killed.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Hijacked, Output};

use super::NAME;
use super::container::ContainerRef;
use super::diagnostics::{ContainerDiagnostics, to_error};
use super::exec_process::ExecProcess;
use super::exec_stdin::CommandInput;
use crate::command::Command;
use crate::command::execution::{Chunk, Execution};
use crate::command::input::Input;
use crate::command::stdin::Stdin;
use crate::error::{Error, ErrorKind, Result};

/// Prints its PID, then becomes the command. `$1` is the working directory, the rest is the
/// command. A shell runs it, so a program that cannot be run has the exit code of a shell; daemons
/// differ there.
const SCRIPT: &str = "[ -z \"$1\" ] || cd \"$1\" >/dev/null 2>&1 || { echo nowhere; exit 1; }; \
                      shift; echo $$; exec \"$@\"";

/// The output of the script if the working directory does not exist.
const MISSING_DIRECTORY: &str = "nowhere";

/// The maximum length of the first line.
const LONGEST: usize = 4096;

/// The directories in which programs are searched.
const PATH: &str = "PATH";

/// Environment variables that a shell changes or does not pass on.
const OF_SHELLS: [&str; 15] = [
    "BASHOPTS",
    "BASHPID",
    "EUID",
    "GROUPS",
    "IFS",
    "LINENO",
    "OLDPWD",
    "OPTIND",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "UID",
];

/// Whether a shell loses an environment variable on the way to a command. Names with dots are
/// common (`discovery.type`) but not valid in a shell.
pub(super) fn is_lost(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    !(first && rest) || OF_SHELLS.contains(&name)
}

/// The command line and the other options of the exec.
fn exec(command: &Command, working_dir: &str, container_env: &BTreeMap<String, String>) -> CreateExec {
    let mut cmd = ["sh", "-c", SCRIPT, "sh", working_dir]
        .map(str::to_owned)
        .to_vec();
    let mut lost: BTreeMap<_, _> = container_env
        .iter()
        .chain(&command.env)
        .filter(|(name, _)| is_lost(name))
        .collect();
    // The daemon would look for the shell, and the shell for `env`, in the command's `PATH`.
    lost.extend(command.env.get_key_value(PATH));
    if !lost.is_empty() {
        cmd.push("env".to_owned());
        cmd.extend(lost.iter().map(|(name, value)| format!("{name}={value}")));
    }
    cmd.extend(command.argv.iter().cloned());
    CreateExec {
        cmd: cmd.into(),
        // A terminal without input would wait for keys, so its end has to be sent.
        attach_stdin: command.tty || command.input != Input::Empty,
        attach_stdout: true,
        attach_stderr: true,
        tty: command.tty,
        env: command
            .env
            .iter()
            .filter(|(name, _)| *name != PATH)
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        ..CreateExec::default()
    }
}

/// Starts a command in a container.
///
/// A task completes the start: if the caller is dropped, the new process is dropped too, and so
/// killed.
pub(super) async fn start(
    container: &ContainerRef,
    command: &Command,
    working_dir: &str,
    container_env: &BTreeMap<String, String>,
) -> Result<Execution> {
    let exec = exec(command, working_dir, container_env);
    let starting = tokio::spawn(begin(container.clone(), exec, working_dir.to_owned()));
    let (process, input) = match starting.await {
        Ok(started) => started?,
        Err(ended) => return Err(Error::engine(NAME, ended)),
    };
    Ok(Execution::new(
        Box::new(process),
        Some(Stdin::new(input)),
        command,
    ))
}

async fn begin(
    container: ContainerRef,
    exec: CreateExec,
    working_dir: String,
) -> Result<(ExecProcess, CommandInput)> {
    let tty = exec.tty;
    let execs = container.docker.execs();
    let created = match execs.create(&container.id, exec).await {
        Ok(created) => created,
        Err(error) => return Err(start_error(&container, error).await),
    };
    let options = StartExec {
        tty,
        ..StartExec::default()
    };
    let Hijacked {
        input, mut output, ..
    } = match execs.start(&created.id, options).await {
        Ok(hijacked) => hijacked,
        Err(error) => return Err(start_error(&container, error).await),
    };
    let mut first = FirstLine::default();
    first.read(&mut output).await.map_err(to_error)?;
    let line = first.line();
    match line.parse() {
        Ok(group) if group > 1 => {
            let process = ExecProcess::new(container, created.id, group, output, first.rest());
            Ok((process, CommandInput::new(input, tty)))
        }
        _ if line == MISSING_DIRECTORY => Err(Error::not_found(format!(
            "the working directory {working_dir} does not exist"
        ))),
        _ => {
            let what = format!("the shell could not be started: {line}");
            Err(
                ContainerDiagnostics::look(&container.docker, &container.id, &what, None)
                    .await
                    .into(),
            )
        }
    }
}

async fn start_error(container: &ContainerRef, error: engine_api::Error) -> Error {
    if error.is_unreachable() {
        return to_error(error);
    }
    if error.is_not_found() && container.is_gone().await {
        return Error::lost();
    }
    let what = "the command could not be started";
    let conflict = error.is_conflict();
    let found = ContainerDiagnostics::look(&container.docker, &container.id, what, Some(error)).await;
    if conflict && found.is_paused() {
        let name = &container.name;
        let text =
            format!("the container is paused, so no command can start; resume it: docker unpause {name}");
        return Error::new(ErrorKind::Conflict, text);
    }
    found.into()
}

/// The first line of standard output, and the output that came with it.
#[derive(Default)]
struct FirstLine {
    text: BytesMut,
    end: usize,
    /// Output of the other stream that came meanwhile: the daemon does not keep the order of the
    /// two streams.
    aside: VecDeque<Chunk>,
}

impl FirstLine {
    /// Reads until the end of the first line, or of the output.
    async fn read(&mut self, output: &mut Output) -> engine_api::Result<()> {
        while self.end == 0 && self.text.len() < LONGEST {
            match output.next().await.transpose()? {
                Some(engine_api::Chunk::Stderr(bytes)) => self.aside.push_back(Chunk::Stderr(bytes)),
                Some(chunk) => self.text.extend_from_slice(chunk.bytes()),
                None => break,
            }
            self.end = self
                .text
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
        }
        Ok(())
    }

    /// The line without its end: a terminal ends it with two characters.
    fn line(&self) -> String {
        let end = if self.end == 0 { self.text.len() } else { self.end };
        String::from_utf8_lossy(&self.text[..end]).trim_end().to_owned()
    }

    fn rest(mut self) -> VecDeque<Chunk> {
        let rest = self.text.split_off(self.end).freeze();
        if !rest.is_empty() {
            self.aside.push_back(Chunk::Stdout(rest));
        }
        self.aside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_shell_unchanged() {
        let mut command = Command::new(["printf", "a b", "$HOME"]);
        command.env.insert("PLAIN".into(), "secret".into());
        let exec = exec(&command, "/work", &BTreeMap::new());
        assert_eq!(exec.cmd[3..], ["sh", "/work", "printf", "a b", "$HOME"]);
        assert_eq!(exec.env.to_vec(), ["PLAIN=secret"]);
        assert!(!exec.attach_stdin && exec.attach_stdout && exec.attach_stderr);
        assert!(!exec.privileged);
    }

    #[test]
    fn variables_that_a_shell_loses_are_env_arguments() {
        let mut command = Command::new(["java"]);
        command.env.insert("PATH".into(), "/opt".into());
        command.env.insert("discovery.type".into(), "single-node".into());
        let ours = [
            ("UID".to_owned(), "7".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ]
        .into();
        let exec = exec(&command, "", &ours);
        assert_eq!(
            exec.cmd[3..],
            [
                "sh",
                "",
                "env",
                "PATH=/opt",
                "UID=7",
                "discovery.type=single-node",
                "java"
            ]
        );
        assert_eq!(exec.env.to_vec(), ["discovery.type=single-node"]);
        for (name, lost) in [
            ("A_1", false),
            ("_", false),
            ("1A", true),
            ("a-b", true),
            ("", true),
            ("PWD", true),
        ] {
            assert_eq!(is_lost(name), lost, "{name}");
        }
    }

    #[test]
    fn input_is_attached_only_if_there_is_some() {
        let attached = |command: &Command| exec(command, "", &BTreeMap::new()).attach_stdin;
        assert!(!attached(&Command::new(["cat"])));
        assert!(attached(&Command {
            input: Input::Piped,
            ..Command::new(["cat"])
        }));
        assert!(attached(&Command {
            tty: true,
            ..Command::new(["cat"])
        }));
    }

    #[test]
    fn first_line_is_separated_from_the_output() {
        let first = |text: &str, end| FirstLine {
            text: text.into(),
            end,
            aside: [Chunk::Stderr("early".into())].into(),
        };
        let both = first("12\r\nhello", 4);
        assert_eq!(both.line(), "12");
        assert_eq!(
            both.rest(),
            [Chunk::Stderr("early".into()), Chunk::Stdout("hello".into())]
        );
        assert_eq!(first("12\n", 3).rest().len(), 1);
        assert_eq!(first("cut", 0).line(), "cut");
    }
}
