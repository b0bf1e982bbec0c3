//! The main process of an environment: a program of the image or a command.
//!
//! A plain start lets it write its output to files, so that it can outlive this process. The output
//! of one that is attached is read by this process, which adds it to the same files.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::OpenOptions;

use super::NAME;
use super::holder;
use super::images::Defaults;
use super::instance::SandboxInstance;
use super::main_state::{self, Seen};
use super::process::{self, Begun};
use super::script::{ALIVE, Role};
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engine::instance::MainProcess;
use crate::engines::host::blocking;
use crate::environment::first::{START, STOP};
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::main_process::Main;

/// How often a wait looks for the end of a run that is just beginning.
const LOOK: Duration = Duration::from_millis(20);

/// The command of the main process, if there is one.
pub(super) fn command(main: &Main, defaults: &Defaults) -> Result<Option<Command>> {
    let (entrypoint, cmd) = (&defaults.entrypoint, &defaults.cmd);
    let words: Vec<&String> = match main {
        Main::Idle => return Ok(None),
        Main::Command(command) => return Ok(Some(command.clone())),
        Main::Image => entrypoint.iter().chain(cmd).collect(),
        Main::Arguments(arguments) => entrypoint.iter().chain(arguments).collect(),
    };
    match words.is_empty() {
        true => Err(Error::invalid(
            "the main process is the program of the image, but no image names one; give a command",
        )),
        false => Ok(Some(Command::new(words))),
    }
}

impl SandboxInstance {
    fn main_command(&self) -> Result<Command> {
        let command = command(&self.spec.main, &self.sandbox.defaults)?;
        command.ok_or_else(|| Error::invalid("the environment has no main process"))
    }

    /// Starts the main process, unless it runs.
    pub(super) async fn start_main(&self) -> Result<()> {
        let command = self.main_command()?;
        if command.terminal.is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "a main process has a terminal only while it is attached; start it attached, or without a terminal",
            ));
        }
        match self.begin_main(&command, Role::Main).await? {
            None => {}
            Some(Begun::Runs(process, _)) => process.detach(),
            Some(Begun::Refused(code, why)) => {
                let what = format!(
                    "the main process could not be started: {}: {why}",
                    command.program()
                );
                return Err(match code {
                    127 => Error::not_found(what),
                    _ => Error::invalid(what),
                });
            }
        }
        self.note(Status::Running)
    }

    async fn start_main_attached(&self) -> Result<Execution> {
        let command = self.main_command()?;
        match self.begin_main(&command, Role::AttachedMain).await? {
            None => Err(Error::new(
                ErrorKind::Conflict,
                format!("it runs already, so the beginning of its output is lost; {STOP}"),
            )),
            Some(begun) => {
                if matches!(begun, Begun::Runs(..)) {
                    self.note(Status::Running)?;
                }
                Ok(begun.into_execution(&command))
            }
        }
    }

    /// `None` if it runs already.
    async fn begin_main(&self, command: &Command, role: Role) -> Result<Option<Begun>> {
        self.check_exists()?;
        let (sandbox, released) = (Arc::clone(&self.sandbox), self.released.load(Ordering::Acquire));
        match blocking(NAME, move || sandbox.begin_main(released)).await? {
            true => self.begin_command(command, role).await.map(Some),
            false => Ok(None),
        }
    }

    /// How it has ended; `None` before.
    pub(super) fn exit_of_main(&self) -> Result<Option<ExitStatus>> {
        let seen = match self.sandbox.has_main() {
            true => main_state::seen(&self.sandbox.layout)?,
            false => Seen::NotStarted,
        };
        Ok(match seen {
            Seen::Ended(exit) => Some(self.with_cause(exit)),
            Seen::NotStarted | Seen::Runs { .. } => None,
        })
    }

    fn with_cause(&self, exit: ExitStatus) -> ExitStatus {
        let (layout, cgroup) = (&self.sandbox.layout, self.sandbox.cgroup.as_ref());
        let killed = exit.code == 128 + Signal::Kill.number();
        ExitStatus {
            oom: killed && main_state::was_killed_at_limit(layout, cgroup),
            ..exit
        }
    }

    async fn wait_for_main(&self) -> Result<ExitStatus> {
        let mut ran = false;
        loop {
            self.check_exists()?;
            match main_state::seen(&self.sandbox.layout)? {
                Seen::Ended(exit) => {
                    let exit = self.with_cause(exit);
                    let sandbox = Arc::clone(&self.sandbox);
                    blocking(NAME, move || sandbox.end_after_main()).await?;
                    return Ok(exit);
                }
                Seen::Runs { .. } => {
                    ran = true;
                    self.until_closed().await?;
                }
                // Another process starts it again.
                Seen::NotStarted if ran => tokio::time::sleep(LOOK).await,
                Seen::NotStarted => {
                    let error = Error::wrong_status(Status::Created, START);
                    return Err(error.observed(Status::Created));
                }
            }
        }
    }

    /// Waits until no process has the pipe of the main process open.
    async fn until_closed(&self) -> Result<()> {
        let path = self.sandbox.layout.pipes().join(ALIVE);
        let failed = |error| Error::io("read", &path, error);
        let mut pipe = match OpenOptions::new().open_receiver(&path) {
            Err(_) if !path.exists() => return Err(Error::lost()),
            opened => opened.map_err(failed)?,
        };
        // Nothing is sent, but a process inside could write to it.
        while pipe.read(&mut [0; 64]).await.map_err(failed)? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Sends a signal to the main process alone.
    pub(super) fn signal_main(&self, signal: &str) -> Result<()> {
        match main_state::seen(&self.sandbox.layout)? {
            Seen::Runs { leader } => {
                let sent = holder::request(&self.sandbox.layout, &format!("one {signal} {leader}"));
                sent.or_else(|error| match main_state::seen(&self.sandbox.layout)? {
                    Seen::Runs { .. } => Err(process::ended(&self.sandbox.layout, error)),
                    _ => Ok(()),
                })
            }
            Seen::NotStarted | Seen::Ended(_) => Ok(()),
        }
    }
}

impl MainProcess for SandboxInstance {
    fn wait(&self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.wait_for_main())
    }

    fn start_attached(&self) -> BoxFuture<'_, Result<Execution>> {
        Box::pin(self.start_main_attached())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_process_is_the_program_of_the_image() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let image = Defaults {
            entrypoint: words(&["entry", "-x"]),
            cmd: words(&["serve"]),
            ..Defaults::default()
        };
        let argv = |main: Main| command(&main, &image).unwrap().map(|command| command.argv);
        assert_eq!(argv(Main::Idle), None);
        assert_eq!(argv(Main::Image), Some(words(&["entry", "-x", "serve"])));
        let arguments = Main::Arguments(words(&["-v"]));
        assert_eq!(argv(arguments), Some(words(&["entry", "-x", "-v"])));
        let own = Main::Command(Command::new(["true"]));
        assert_eq!(argv(own), Some(words(&["true"])));
        let error = command(&Main::Image, &Defaults::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}
