//! Starts a command in a container, so that it can be killed.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Hijacked, Output, Version};

use super::NAME;
use super::container::ContainerRef;
use super::diagnostics::{ContainerDiagnostics, to_error};
use super::exec_process::ExecProcess;
use super::exec_stdin::CommandInput;
use super::shell_program::{is_lost, names_missing};
use super::terminal_size::{Terminal, console_size};
use crate::command::Command;
use crate::command::execution::{Chunk, Execution};
use crate::command::input::Input;
use crate::command::stdin::Stdin;
use crate::error::{Error, Result};

/// Prints its PID, then becomes the command. `$1` is the working directory, the rest is the
/// command. A shell runs it, so a program that cannot be run has the exit code of a shell; daemons
/// differ there. Bash takes functions from the environment, also in place of its own commands.
const SCRIPT: &str = "unset -f cd echo; [ -z \"$1\" ] || cd \"$1\" >/dev/null 2>&1 || { echo nowhere; exit 1; }; \
                      shift; echo $$; exec \"$@\"";

/// The output of the script if the working directory does not exist.
const MISSING_DIRECTORY: &str = "nowhere";

/// Variables that a shell adds when it changes the directory; `env` takes them out again.
/// A name may begin with `-`.
const ADDED: [&str; 7] = ["-u", "OLDPWD", "-u", "PWD", "-u", "SHLVL", "--"];

/// From this version on, a terminal has its size when the command starts.
const SIZED_AT_START: Version = Version::new(1, 42);

/// The maximum length of the first line.
const LONGEST: usize = 4096;

/// The directories in which programs are searched.
const PATH: &str = "PATH";

/// The command line and the other options of an exec of this shell, which becomes the command.
fn exec(
    command: &Command,
    working_dir: &str,
    container_env: &BTreeMap<String, String>,
    (shell, env): (&str, &str),
) -> CreateExec {
    let mut cmd = [shell, "-c", SCRIPT, "sh", working_dir]
        .map(str::to_owned)
        .to_vec();
    let mut lost: BTreeMap<_, _> = container_env
        .iter()
        .chain(&command.env)
        .filter(|(name, _)| is_lost(name))
        .collect();
    // The daemon would look for the shell, and the shell for `env`, in the command's `PATH`.
    lost.extend(command.env.get_key_value(PATH));
    // A command that does not run in a command shell only because of this variable.
    let empty_home = command.env.get("HOME").is_some_and(String::is_empty);
    if empty_home || !lost.is_empty() {
        cmd.push(env.to_owned());
        cmd.extend(ADDED.map(str::to_owned));
        cmd.extend(lost.iter().map(|(name, value)| format!("{name}={value}")));
    }
    cmd.extend(command.argv.iter().cloned());
    CreateExec {
        cmd: cmd.into(),
        // A terminal without input would wait for keys, so its end has to be sent.
        attach_stdin: command.terminal.is_some() || command.input != Input::Empty,
        attach_stdout: true,
        attach_stderr: true,
        tty: command.terminal.is_some(),
        console_size: command.terminal.map(console_size),
        user: command.user.clone().unwrap_or_default(),
        env: command
            .env
            .iter()
            // Neither do they confuse the shell: `SHELLOPTS` could stop it.
            .filter(|(name, _)| *name != PATH && !is_lost(name))
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        ..CreateExec::default()
    }
}

/// An exec of the command itself, for an image without a shell.
fn plain_exec(command: &Command, working_dir: &str) -> CreateExec {
    CreateExec {
        cmd: command.argv.clone().into(),
        attach_stdin: command.terminal.is_some() || command.input != Input::Empty,
        attach_stdout: true,
        attach_stderr: true,
        tty: command.terminal.is_some(),
        console_size: command.terminal.map(console_size),
        user: command.user.clone().unwrap_or_default(),
        working_dir: working_dir.to_owned(),
        env: command
            .env
            .iter()
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
    let (container, given) = (container.clone(), command.clone());
    let (working_dir, container_env) = (working_dir.to_owned(), container_env.clone());
    let starting = tokio::spawn(async move { begin(container, &given, &working_dir, &container_env).await });
    let started = match starting.await {
        Ok(started) => started?,
        Err(ended) => return Err(Error::engine(NAME, ended)),
    };
    Ok(match started {
        Some((process, input)) => Execution::new(Box::new(process), Some(Stdin::new(input)), command),
        None => Execution::not_started(command, 127, "not found"),
    })
}

/// The started command; `None` if its program does not exist.
async fn begin(
    container: ContainerRef,
    command: &Command,
    working_dir: &str,
    container_env: &BTreeMap<String, String>,
) -> Result<Option<(ExecProcess, CommandInput)>> {
    while let Some(shell) = container.shell.get() {
        let exec = exec(
            command,
            working_dir,
            container_env,
            (shell, container.shell.env()),
        );
        match through_shell(&container, exec, shell, working_dir).await? {
            Some(started) => return Ok(Some(started)),
            None => container.shell.is_missing(shell),
        }
    }
    let exec = plain_exec(command, working_dir);
    let tty = exec.tty;
    let (id, hijacked) = match create_and_start(&container, exec).await {
        Ok(started) => started,
        Err(error) if names_missing(error.message().unwrap_or_default(), command.program()) => {
            return Ok(None);
        }
        Err(error) => return Err(start_error(&container, error).await),
    };
    let input = CommandInput::new(hijacked.input, tty);
    let process = ExecProcess::new(container, id, None, hijacked.output, VecDeque::new());
    Ok(Some((process, input)))
}

async fn create_and_start(
    container: &ContainerRef,
    mut exec: CreateExec,
) -> engine_api::Result<(String, Hijacked)> {
    let (docker, size) = (&container.docker, exec.console_size);
    if size.is_some() && docker.version().await? < SIZED_AT_START {
        exec.console_size = None;
    }
    let options = StartExec {
        tty: exec.tty,
        console_size: exec.console_size,
        ..StartExec::default()
    };
    // Podman has the newer version, but ignores the size.
    let later = size.filter(|_| container.podman || exec.console_size.is_none());
    let creating = container.call(|name| {
        let (execs, exec) = (docker.execs(), exec.clone());
        async move { execs.create(&name, exec).await }
    });
    let created = creating.await?;
    let hijacked = docker.execs().start(&created.id, options).await?;
    if let Some(size) = later {
        Terminal::Exec(&created.id).resize(container, size).await?;
    }
    Ok((created.id, hijacked))
}

/// Starts a command through this shell; `None` if the image does not have it.
async fn through_shell(
    container: &ContainerRef,
    exec: CreateExec,
    shell: &str,
    working_dir: &str,
) -> Result<Option<(ExecProcess, CommandInput)>> {
    let (tty, user) = (exec.tty, Some(exec.user.clone()).filter(|user| !user.is_empty()));
    let (id, hijacked) = match create_and_start(container, exec).await {
        Ok(started) => started,
        Err(error) if names_missing(error.message().unwrap_or_default(), shell) => return Ok(None),
        Err(error) => return Err(start_error(container, error).await),
    };
    let Hijacked {
        input, mut output, ..
    } = hijacked;
    let mut first = FirstLine::default();
    first.read(&mut output).await.map_err(to_error)?;
    let line = first.line();
    match line.parse() {
        Ok(group) if group > 1 => {
            let process = ExecProcess::new(container.clone(), id, Some(group), output, first.rest())
                .of_user(user.as_ref());
            Ok(Some((process, CommandInput::new(input, tty))))
        }
        _ if line == MISSING_DIRECTORY => Err(Error::not_found(format!(
            "the working directory {working_dir} does not exist"
        ))),
        _ if names_missing(&first.everything(), shell) => Ok(None),
        _ => {
            let what = format!("the shell could not be started: {line}");
            Err(
                ContainerDiagnostics::look(&container.docker, container.id(), &what, None)
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
    let found = ContainerDiagnostics::look(&container.docker, container.id(), what, Some(error)).await;
    if conflict && found.is_paused() {
        return container.is_paused();
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

    /// The text of both streams.
    fn everything(&self) -> String {
        let aside = self.aside.iter().map(|chunk| match chunk {
            Chunk::Stdout(bytes) | Chunk::Stderr(bytes) => String::from_utf8_lossy(bytes),
        });
        self.line() + &aside.collect::<String>()
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
    use crate::command::terminal::TerminalSize;

    const USUAL: (&str, &str) = ("sh", "env");

    #[test]
    fn arguments_reach_the_shell_unchanged() {
        let mut command = Command::new(["printf", "a b", "$HOME"]);
        command.env.insert("PLAIN".into(), "secret".into());
        let exec = exec(&command, "/work", &BTreeMap::new(), USUAL);
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
        let exec = exec(&command, "", &ours, USUAL);
        assert_eq!(
            exec.cmd[3..],
            [
                "sh",
                "",
                "env",
                "-u",
                "OLDPWD",
                "-u",
                "PWD",
                "-u",
                "SHLVL",
                "--",
                "PATH=/opt",
                "UID=7",
                "discovery.type=single-node",
                "java"
            ]
        );
        assert!(exec.env.is_empty());
        for (name, lost) in [
            ("A_1", false),
            ("_", true),
            ("_A", false),
            ("BASH_ENV", true),
            ("EPOCHREALTIME", true),
            ("PS4", true),
            ("POSIXLY_CORRECT", true),
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
        let attached = |command: &Command| exec(command, "", &BTreeMap::new(), USUAL).attach_stdin;
        assert!(!attached(&Command::new(["cat"])));
        assert!(attached(&Command {
            input: Input::Piped,
            ..Command::new(["cat"])
        }));
        assert!(attached(&Command {
            terminal: Some(TerminalSize::default()),
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
