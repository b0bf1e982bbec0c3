//! A command in an environment: its pipes, its output and its end.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::time::{Instant, sleep, timeout};

use super::NAME;
use super::command_files::CommandFiles;
use super::first_process::Process;
use super::holder;
use super::identity::Identity;
use super::layout::Layout;
use super::main_state::Tee;
use super::mapped;
use super::native_program;
use super::open_root::OpenRoot;
use super::report::{Report, Reports};
use super::script::{self, Role, Start};
use super::terminal::Terminal;
use super::user::RunAs;
use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::{Chunk, Execution, RunningProcess};
use crate::command::exit_status::ExitStatus;
use crate::command::input::Input;
use crate::command::signal::Signal;
use crate::command::stdin::Stdin;
use crate::command::terminal::TerminalSize;
use crate::engines::host::blocking;
use crate::engines::host::output::Outputs;
use crate::engines::shell::KnownPrograms;
use crate::environment::first::START;
use crate::environment::id::random_hex;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};

/// How long the start of a command may take on a busy machine.
const BEGIN: Duration = Duration::from_secs(60);

/// How often a command that does not begin is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How long the first process may take to end after the others.
const SETTLED: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(5);

/// The surroundings of a command.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) working_dir: String,
    pub(super) run_as: Option<RunAs>,
    /// The lines that set its ulimits.
    pub(super) ulimits: String,
    pub(super) role: Role,
}

/// Starts a command. A task completes the start: if the caller is dropped, the new process is
/// dropped too, and so killed.
pub(super) async fn start(
    layout: &Layout,
    known: &Arc<Mutex<KnownPrograms>>,
    command: &Command,
    context: Context,
) -> Result<Begun> {
    let (layout, known, given) = (layout.clone(), Arc::clone(known), command.clone());
    let starting = tokio::spawn(async move { begin(layout, &known, &given, &context).await });
    starting.await.map_err(|ended| Error::engine(NAME, ended))?
}

/// Standard output, or all output of a terminal.
type Output = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// How a start ended.
pub(super) enum Begun {
    Runs(Box<SandboxProcess>, Option<Stdin>),
    Refused(i32, &'static str),
}

impl Begun {
    pub(super) fn into_execution(self, command: &Command) -> Execution {
        match self {
            Self::Runs(process, input) => Execution::new(process, input, command),
            Self::Refused(code, why) => Execution::not_started(command, code, why),
        }
    }
}

async fn begin(
    layout: Layout,
    known: &Mutex<KnownPrograms>,
    command: &Command,
    context: &Context,
) -> Result<Begun> {
    let failed = |error: io::Error| Error::engine(NAME, error);
    let (run_as, role) = (context.run_as.as_ref(), context.role);
    let name = random_hex();
    let owner = run_as.map(|run_as| run_as.owner).or(layout.identity().owner());
    let terminal = match command.terminal {
        Some(size) => {
            let stopped = || Error::wrong_status(Status::Stopped, START).observed(Status::Stopped);
            let process = Process::of(&layout).ok_or_else(stopped)?;
            let is_mapped = matches!(layout.identity(), Identity::Mapped { .. });
            let root = OpenRoot::of(process, layout.identity())?;
            let terminal = Terminal::open(&root, owner.filter(|_| !is_mapped), size).map_err(failed)?;
            if let Some(run_as) = run_as.filter(|_| is_mapped) {
                let path = process.root().join(terminal.path().trim_start_matches('/'));
                let inside = run_as.inside;
                blocking(NAME, move || mapped::give(process, &path, inside)).await?;
            }
            Some(terminal)
        }
        None => None,
    };
    let (variables, directory) = (&context.variables, &context.working_dir);
    let is_native = native_program::is_native(&layout, command.program(), variables, directory);
    let (text, program) = {
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let start = Start {
            name: &name,
            terminal: terminal.as_ref().map(Terminal::path),
            words: run_as.map_or(&[][..], |run_as| &run_as.words),
            ulimits: &context.ulimits,
            role,
            is_native,
        };
        script::render(command, variables, directory, &known, start)
    };
    let files = CommandFiles::make(&layout, &name, &text, command, owner, role).map_err(failed)?;
    let open = |end: &str| OpenOptions::new().open_receiver(layout.pipe(&name, end));
    let reports = open("reports").map_err(failed)?;
    // The shell of a main process waits until its pipe is open here.
    let alive = layout.pipes().join(script::ALIVE);
    let alive = role.is_main().then(|| OpenOptions::new().open_receiver(alive));
    let alive = alive.transpose().map_err(failed)?;
    let (stdout, stderr): (Option<Output>, _) = match (&terminal, role) {
        (_, Role::Main) => (None, None),
        (Some(terminal), _) => (Some(Box::new(terminal.output())), None),
        (None, _) => (
            Some(Box::new(open("out").map_err(failed)?)),
            Some(open("err").map_err(failed)?),
        ),
    };
    let tee = (role == Role::AttachedMain).then(|| Tee::open(&layout));
    let tee = tee.transpose().map_err(failed)?;
    let is_piped = terminal.is_none() && role != Role::Main;
    let has_input = is_piped && !matches!(command.input, Input::Empty);
    let input = layout.pipe(&name, "in");
    // Open for reading too: the command, which opens it later, must not wait for a writer.
    let held = has_input.then(|| OpenOptions::new().read_write(true).open_sender(&input));
    let held = held.transpose().map_err(failed)?;
    let word = if role.is_main() { "main" } else { "run" };
    if let Err(error) = holder::request(&layout, &format!("{word} {name}")) {
        return Err(ended(&layout, error));
    }
    let mut process = SandboxProcess {
        layout,
        reports: Reports::new(reports),
        outputs: Outputs::new(stdout, stderr),
        role,
        tee,
        terminal: terminal.clone(),
        pids: None,
        sent: None,
        end: None,
    };
    if let Some(why) = process.begun().await? {
        return refused(&why, &context.working_dir);
    }
    // From now on, only the command has the other end of its input.
    let sender = has_input.then(|| OpenOptions::new().open_sender(&input));
    // A command that has ended already reads nothing.
    let sender = sender.and_then(io::Result::ok).map(Stdin::new);
    let sender = terminal.map(|terminal| Stdin::new(terminal.input())).or(sender);
    drop((held, files, alive));
    known.lock().unwrap_or_else(PoisonError::into_inner).add(program);
    Ok(Begun::Runs(Box::new(process), sender))
}

/// The error of a request that was not taken.
pub(super) fn ended(layout: &Layout, error: io::Error) -> Error {
    if !layout.top().exists() {
        return Error::lost();
    }
    match Process::of(layout) {
        Some(_) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            let why = "it belongs to the process that has created it, and is not kept; keep it there first";
            Error::new(ErrorKind::Conflict, why)
        }
        Some(_) => Error::engine(NAME, error),
        None => Error::wrong_status(Status::Stopped, START).observed(Status::Stopped),
    }
}

fn refused(why: &str, working_dir: &str) -> Result<Begun> {
    Ok(match why {
        "not-found" => Begun::Refused(127, "program not found"),
        "not-executable" => Begun::Refused(126, "permission denied"),
        "format" => Begun::Refused(126, "not a program"),
        "cwd" => {
            let why = format!("the working directory {working_dir} does not exist");
            return Err(Error::not_found(why));
        }
        _ => {
            let why = "the environment has lost its program `env` or `setsid`, which start every command";
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
    })
}

/// A command that runs in an environment.
pub(super) struct SandboxProcess {
    layout: Layout,
    role: Role,
    /// Where the output of a main process is written too.
    tee: Option<Tee>,
    reports: Reports,
    outputs: Outputs<Output, Receiver>,
    terminal: Option<Terminal>,
    /// The PIDs, inside, of its first process and of the shell that waits for it.
    pids: Option<(u32, u32)>,
    sent: Option<Signal>,
    end: Option<ExitStatus>,
}

impl SandboxProcess {
    /// Lets it run without this value.
    pub(super) fn detach(mut self) {
        self.pids = None;
    }

    /// Waits until it runs; returns why it was refused.
    async fn begun(&mut self) -> Result<Option<String>> {
        match self.first_report().await? {
            Some(Report::Begin { leader, shell }) => {
                self.pids = Some((leader, shell));
                Ok(None)
            }
            Some(Report::Refused(why)) => Ok(Some(why)),
            Some(Report::End(_)) => Err(Error::engine(NAME, "the first process gave an invalid report")),
            None => Err(self.lost()),
        }
    }

    /// The first report. A request that the first process has not read ends with it.
    async fn first_report(&mut self) -> Result<Option<Report>> {
        let until = Instant::now() + BEGIN;
        loop {
            match timeout(LOOK, self.reports.next()).await {
                Ok(report) => return report,
                Err(_) if Process::of(&self.layout).is_none() => return Ok(None),
                Err(_) if Instant::now() > until => {
                    let why = "the first process did not start the command within 60 s";
                    return Err(Error::new(ErrorKind::Timeout, why));
                }
                Err(_) => {}
            }
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        while self.outputs.are_open() {
            let ended = self.end.is_some();
            // In this order: the end is noticed even if the output never pauses.
            tokio::select! {
                biased;
                report = self.reports.next(), if !ended => self.ended(report?.as_ref()).await?,
                chunk = self.outputs.read() => {
                    let chunk = chunk.map_err(|error| Error::engine(NAME, error))?;
                    if let Some(chunk) = chunk {
                        if let Some(tee) = &mut self.tee {
                            tee.write(&chunk).map_err(|error| Error::engine(NAME, error))?;
                        }
                        return Ok(Some(chunk));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn ending(&mut self) -> Result<ExitStatus> {
        if self.end.is_none() {
            let report = self.reports.next().await?;
            self.ended(report.as_ref()).await?;
        }
        let end = self.end.ok_or_else(|| self.lost())?;
        Ok(ExitStatus {
            output_complete: self.outputs.are_complete(),
            ..end
        })
    }

    async fn ended(&mut self, report: Option<&Report>) -> Result<()> {
        if report.is_none() {
            self.until_settled().await;
        }
        let end = match report {
            Some(Report::End(code)) => match self.sent.filter(|signal| *code == 128 + signal.number()) {
                Some(signal) => ExitStatus::from_signal(signal.number()),
                None => ExitStatus::from_code(*code),
            },
            // The kernel has killed every process of the environment.
            None if Process::of(&self.layout).is_none() => ExitStatus::from_signal(Signal::Kill.number()),
            _ => return Err(self.lost()),
        };
        self.outputs.command_ended();
        self.end = Some(end);
        Ok(())
    }

    /// Waits a little for the end of the first process: when an environment is killed, its other
    /// processes end before.
    async fn until_settled(&self) {
        let until = Instant::now() + SETTLED;
        while Process::of(&self.layout).is_some() && Instant::now() < until {
            sleep(PAUSE).await;
        }
    }

    /// The error of a command whose end is unknown. It is never repeated, because it may have run.
    fn lost(&self) -> Error {
        if !self.layout.top().exists() {
            return Error::lost();
        }
        match Process::of(&self.layout) {
            Some(_) => Error::engine(
                NAME,
                "the shell that waits for the command was killed; how the command ended is unknown",
            ),
            None => Error::wrong_status(Status::Stopped, START).observed(Status::Stopped),
        }
    }

    /// Sends a signal to the command: `Kill` to all its processes, another one to its group.
    fn send(&mut self, signal: Signal) -> Result<()> {
        let Some((leader, shell)) = self.pids.filter(|_| self.end.is_none()) else {
            return Ok(());
        };
        self.sent = Some(signal);
        let line = match signal {
            Signal::Kill if self.role.is_main() => "end".to_owned(),
            signal if self.role.is_main() => format!("one {} {leader}", signal.name()),
            Signal::Kill => format!("kill {shell} {leader}"),
            signal => format!("signal {} {leader}", signal.name()),
        };
        match holder::request(&self.layout, &line) {
            // Nothing runs any more; the end is about to be read.
            Err(_) if Process::of(&self.layout).is_none() => Ok(()),
            sent => sent.map_err(|error| Error::engine(NAME, error)),
        }
    }
}

impl RunningProcess for SandboxProcess {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(self.next_chunk())
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(self.ending())
    }

    fn kill(&mut self, signal: Signal) -> BoxFuture<'_, Result<()>> {
        let sent = self.send(signal);
        Box::pin(std::future::ready(sent))
    }

    fn resize(&mut self, size: TerminalSize) -> BoxFuture<'_, Result<()>> {
        let resized = self
            .terminal
            .as_ref()
            .map_or(Ok(()), |terminal| terminal.resize(size));
        Box::pin(std::future::ready(
            resized.map_err(|error| Error::engine(NAME, error)),
        ))
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        if let Some((leader, shell)) = self.pids.filter(|_| self.end.is_none()) {
            // There is no caller to report an error to; destroying the environment ends the
            // processes too.
            let _ = match self.role {
                Role::Command => holder::request(&self.layout, &format!("abort {shell} {leader}")),
                Role::AttachedMain | Role::Main => holder::request(&self.layout, "end"),
            };
        }
    }
}

#[cfg(test)]
mod tests;
