//! Command shells: shells in a container that stay open and run many commands.
//!
//! An exec costs several requests and a new process of the container runtime. A command that is
//! written to an open shell costs a fraction of that, and has the same result: exit code, separate
//! streams, environment variables, working directory.
//!
//! The shell reads the command as text, see [`script`]. It prints a random mark before and after
//! the command on each stream, see [`marks`]. Where a recording is made or replayed, the marks and
//! the text are the same each time instead. Before that, it checks that the program can be run,
//! so that "not run" and "ended with 127" differ. `setsid` and `env -i` give the command its own
//! process group and exactly the environment of an exec. After the command, the shell looks for
//! processes that still have the output open. If there are some, the shell ends: from then on it is
//! an exec whose process has ended.
//!
//! A second shell, the [control shell](control), kills commands, with builtins only.
//!
//! An exec runs what a shell cannot: see [`script::can_serve`]. Differences that remain: `$PPID` is
//! the shell's PID instead of 0, and the shells are in the list of processes and count towards its
//! limit. A program that is found in a relative directory of `PATH` runs, which newer daemons
//! refuse. A program that is replaced by a script without `#!` is run by `sh`. A set-user-ID
//! program that a command of an ordinary user leaves behind may keep the output open unnoticed. As
//! with an exec, a kill does not find a process that has left its session and its parent and has
//! closed the output: it ends with the container. The groups of a user are those of the time when
//! the shell was opened, unless a line was added to `/etc/passwd` or `/etc/group`, or the file was
//! replaced: then the shell is not used any more.

mod control;
mod marks;
mod process;
mod report;
mod script;
mod shell;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use self::control::ControlShell;
pub(super) use self::marks::Marks;
use self::process::{SILENCE, ShellProcess};
use self::report::{Beginning, Refusal};
use self::script::Environment;
use self::shell::{NoShell, Shell};
use super::container::ContainerRef;
use super::diagnostics::to_error;
use super::oom::CommandStart;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::stdin::Stdin;
use crate::engines::shell::KnownPrograms;
use crate::error::{Error, Result};

/// After so many shells that did not get ready in time, no other one is tried.
const MOST_SLOW: u32 = 3;

/// The command shells of one container.
#[derive(Debug, Clone)]
pub(super) struct CommandShells(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    container: ContainerRef,
    marks: Marks,
    /// The most shells that wait for commands.
    most_idle: usize,
    control: ControlShell,
    pool: Mutex<Pool>,
    known: Mutex<KnownPrograms>,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Shell>,
    /// The environment variables of commands, from the first shell.
    environment: Option<Arc<Environment>>,
    /// How many shells did not get ready in time.
    slow: u32,
    /// Whether this image has no suitable shell.
    unsuitable: bool,
}

impl CommandShells {
    /// No shells yet; at most `most_idle` of them wait for commands later.
    pub(super) fn new(container: ContainerRef, marks: Marks, most_idle: usize) -> Self {
        Self(Arc::new(Inner {
            container,
            marks,
            most_idle,
            control: ControlShell::default(),
            pool: Mutex::default(),
            known: Mutex::default(),
        }))
    }

    /// Starts a command; `None` if an exec must run it. Nothing was run then.
    ///
    /// A task completes the start: if the caller is dropped, the new process is dropped too, and so
    /// killed.
    pub(super) async fn start(&self, command: &Command, working_dir: &str) -> Result<Option<Execution>> {
        if !script::can_serve(command) {
            return Ok(None);
        }
        let (inner, given, directory) = (Arc::clone(&self.0), command.clone(), working_dir.to_owned());
        let starting = tokio::spawn(async move { inner.begin(&given, &directory).await });
        let started = match starting.await {
            Ok(started) => started?,
            Err(ended) => return Err(Error::engine(super::NAME, ended)),
        };
        Ok(match started {
            None => None,
            Some((process, Beginning::Started)) => {
                // The input is part of the text.
                let stdin = Stdin::new(tokio::io::sink());
                Some(Execution::new(Box::new(process), Some(stdin), command))
            }
            Some((_, Beginning::Refused(refusal))) => match refusal {
                Refusal::Exec | Refusal::Late | Refusal::Users => None,
                Refusal::NotFound => Some(Execution::not_started(command, 127, "not found")),
                Refusal::NotExecutable => Some(Execution::not_started(command, 126, "permission denied")),
                Refusal::WorkingDirectory => {
                    let why = format!("the working directory {working_dir} does not exist");
                    return Err(Error::not_found(why));
                }
            },
        })
    }

    /// Closes all idle shells; they end.
    pub(super) fn close(&self) {
        self.0.pool().idle.clear();
    }
}

impl Inner {
    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, KnownPrograms> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin(
        self: Arc<Self>,
        command: &Command,
        working_dir: &str,
    ) -> Result<Option<(ShellProcess, Beginning)>> {
        // Before the command starts: later the container may be unable to start another process.
        if command.timeout.is_some() && self.control.open(&self.container, &self.marks).await.is_err() {
            return Ok(None);
        }
        let Some((mut shell, environment)) = self.take().await? else {
            return Ok(None);
        };
        let mark = self.marks.next();
        let latest = match self.marks.repeat() {
            true => script::NEVER,
            false => shell.latest_start(SILENCE),
        };
        let (text, program) =
            script::render(command, working_dir, &environment, &self.known(), &mark, latest);
        if text.len() > shell.longest_text() {
            self.give_back(shell);
            return Ok(None);
        }
        let began = Instant::now();
        if shell.write(&text).await.is_err() {
            // The end of the text did not arrive, so nothing was run.
            return Ok(None);
        }
        let mut process = ShellProcess::new(Arc::clone(&self), shell, &mark, began);
        let beginning = process.begin().await?;
        if beginning == Beginning::Started {
            self.known().add(program);
        }
        Ok(Some((process, beginning)))
    }

    /// An idle shell, or a new one; `None` if there cannot be one.
    async fn take(&self) -> Result<Option<(Shell, Arc<Environment>)>> {
        loop {
            let idle = {
                let mut pool = self.pool();
                if pool.unsuitable {
                    return Ok(None);
                }
                pool.idle.pop().zip(pool.environment.clone())
            };
            match idle {
                Some((mut shell, environment)) => {
                    if shell.is_idle().await {
                        return Ok(Some((shell, environment)));
                    }
                }
                None => break,
            }
        }
        match Shell::open(&self.container, &self.marks, "").await {
            Ok((shell, environment)) => {
                let environment = Arc::new(environment);
                self.pool().environment = Some(Arc::clone(&environment));
                Ok(Some((shell, environment)))
            }
            Err(NoShell::Unsuitable | NoShell::Missing) => {
                self.pool().unsuitable = true;
                Ok(None)
            }
            Err(NoShell::Failed(error)) if error.is_unreachable() => Err(to_error(error)),
            Err(NoShell::Slow) => {
                let mut pool = self.pool();
                pool.slow += 1;
                pool.unsuitable = pool.slow >= MOST_SLOW;
                Ok(None)
            }
            // The exec that follows reports the error with its cause.
            Err(NoShell::Failed(_)) => Ok(None),
        }
    }

    async fn was_out_of_memory(&self, start: CommandStart<'_>) -> Result<bool> {
        let found = self.container.was_out_of_memory(start).await;
        found.map_err(to_error)
    }

    fn give_back(&self, shell: Shell) {
        let mut pool = self.pool();
        if pool.idle.len() < self.most_idle {
            pool.idle.push(shell);
        }
    }
}
