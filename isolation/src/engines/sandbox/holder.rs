//! How the first process of an environment is started, and how it gets requests.
//!
//! Its standard input is a socket, of which the owner holds the other end. It ends when that end is
//! closed, in any way, and the kernel then kills all other processes with it. There is no moment at
//! which the end of the owner would be missed. A process in the environment can open a pipe of
//! another one in `/proc`, and hold it open, but no socket.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, OFlags};

use super::NAME;
use super::advice;
use super::arguments::{ALIVE, Arguments, FILTER, INFO, INNER_INFO, Sandbox};
use super::descriptors;
use super::first_process::Process;
use super::layout::Layout;
use super::script;
use super::start_report::{LONGEST, child_pid, read};
use super::ulimits;
use super::users::Users;
use crate::engines::host::cgroup::Cgroup;
use crate::error::{Error, Result};

/// How long the start may take on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// How long the outer process may take to end after the first one.
const END: Duration = Duration::from_secs(10);

/// How long a sandbox that is given up may take to end by itself.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// How often a start is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// The line of a first process that is ready; after the colon it names missing programs.
pub(super) const IS_READY: &str = "isolate-ready:";

/// The owner's ends of the sandboxes that this process has started, by their directories.
static OWNED: Mutex<BTreeMap<PathBuf, (Process, UnixStream)>> = Mutex::new(BTreeMap::new());

/// The owner's end of the first process. Dropping it ends the environment's processes.
#[derive(Debug)]
pub(super) struct Holder {
    directory: PathBuf,
    /// `None` after [`release`](Self::release).
    lifeline: Option<UnixStream>,
    child: Child,
    process: Process,
}

impl Holder {
    /// Starts the first process, in the network of another one if there is one, and waits until it
    /// takes requests. This blocks. Everything that runs in the environment later is in this
    /// control group.
    pub(super) fn start(
        layout: &Layout,
        sandbox: &Sandbox<'_>,
        joined: Option<Process>,
        cgroup: Option<&Cgroup>,
    ) -> Result<Self> {
        let control = layout.control();
        let failed = |e| Error::io("create the pipe", &control, e);
        layout.make_pipe(&control).map_err(failed)?;
        let arguments = match joined {
            Some(_) => Arguments::in_user_namespace(),
            None => Arguments::user_namespace(sandbox.identity),
        };
        let is_overlay = layout.is_overlay();
        let arguments = match is_overlay {
            true => arguments.overlay(layout.top(), sandbox),
            false => arguments.sandbox(sandbox),
        };
        let words = arguments.program(["sh", "-c", &script::holder()]);
        let filter = sandbox.is_filtered.then(|| layout.filter());
        let limits = ulimits::words(sandbox.ulimits)?;
        let alive = layout.pipe_to_hold(joined)?;
        let (filter, alive) = (filter.as_deref(), alive.as_deref());
        let users = Users::joining(sandbox.identity, joined);
        let mut starting = Starting::spawn(&words, users, is_overlay, filter, alive, cgroup, &limits)?;
        let process = starting.until_ready()?;
        if let Some(group) = cgroup {
            group.add(process.pid())?;
        }
        ulimits::raise(process, sandbox.ulimits)?;
        fs::write(layout.holder(), process.record()).map_err(|e| Error::io("write", &layout.holder(), e))?;
        let failed = |error: io::Error| Error::engine(NAME, error);
        let ended = || Error::engine(NAME, "the sandbox has ended");
        let ours = starting.lifeline.take().ok_or_else(ended)?;
        let lifeline = ours.try_clone().map_err(failed)?;
        // A request never waits.
        ours.set_nonblocking(true).map_err(failed)?;
        owned().insert(layout.top().to_owned(), (process, ours));
        Ok(Self {
            directory: layout.top().to_owned(),
            lifeline: Some(lifeline),
            child: starting.child.take().ok_or_else(ended)?,
            process,
        })
    }

    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// Lets the processes live on without this owner. The first process must read its requests
    /// from elsewhere.
    pub(super) fn release(&mut self) {
        self.disown();
        self.lifeline = None;
    }

    /// Forgets the end of this sandbox, but not that of a later one of the same environment.
    fn disown(&self) {
        let mut owned = owned();
        if owned
            .get(&self.directory)
            .is_some_and(|(process, _)| *process == self.process)
        {
            owned.remove(&self.directory);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.lifeline.take().is_some() {
            self.disown();
            self.process.kill();
            // The outer process ends with the first one.
            end(&mut self.child, END);
        } else {
            // One that has not ended is waited for by the system, after this process.
            let _ = self.child.try_wait();
        }
    }
}

fn owned() -> MutexGuard<'static, BTreeMap<PathBuf, (Process, UnixStream)>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the end of a child, and kills it after this time.
pub(super) fn end(child: &mut Child, limit: Duration) {
    let until = Instant::now() + limit;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > until {
            // It has not been waited for, so its PID is its own.
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// A sandbox that is not ready yet. Dropping it ends it.
pub(super) struct Starting {
    child: Option<Child>,
    /// The owner's end of the standard input: a socket, which no other process can open.
    pub(super) lifeline: Option<UnixStream>,
    users: Users,
    /// Whether another `bwrap` runs in the user namespace of the first one.
    is_overlay: bool,
    /// The child of `bwrap`, when it has reported it.
    inner: Option<Process>,
    /// The report of `bwrap` about its child, which the child cannot write to.
    report: File,
    /// The messages of `bwrap` and the first process. Not a pipe: without a reader, after the end
    /// of the owner, `bwrap` fails between two steps and leaves a process.
    output: File,
}

impl Starting {
    /// Runs `bwrap` with these arguments, from a shell that gives it the report as descriptor 3,
    /// and closes the inherited descriptors. `limits` are the words before `bwrap`; the first
    /// process holds the pipe `alive` open.
    pub(super) fn spawn(
        words: &[OsString],
        users: Users,
        is_overlay: bool,
        filter: Option<&Path>,
        alive: Option<&Path>,
        cgroup: Option<&Cgroup>,
        limits: &str,
    ) -> Result<Self> {
        let failed = |error: io::Error| Error::engine(NAME, error);
        let memory = || rustix::fs::memfd_create("isolation-sandbox", MemfdFlags::CLOEXEC);
        let [report, output] = [memory(), memory()];
        let report = File::from(report.map_err(|error| failed(error.into()))?);
        let output = File::from(output.map_err(|error| failed(error.into()))?);
        let (lifeline, input) = UnixStream::pair().map_err(failed)?;
        let (shell, closed) = descriptors::closing()?;
        let mut command = Command::new(shell);
        let inner = match is_overlay {
            true => format!("{INNER_INFO}>&1 "),
            false => String::new(),
        };
        let (filtered, shift) = match filter {
            Some(_) => (format!("{FILTER}<\"$1\" "), "shift\n"),
            None => (String::new(), ""),
        };
        let held = alive.map_or(String::new(), |_| format!("{ALIVE}<>\"$alive\" "));
        let enter = users.entering();
        command
            .args([
                "-c",
                &format!(
                    "exec {closed}{INFO}>&1 {inner}{filtered}{held}>/dev/null\n{shift}exec {limits}{enter}bwrap \"$@\""
                ),
                "sh",
            ])
            .args(filter)
            .args(words)
            .env_clear()
            .env("PATH", super::PATH)
            .envs(descriptors::NO_START_FILES)
            .envs(alive.map(|path| ("alive", path)))
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(report.try_clone().map_err(failed)?)
            .stderr(output.try_clone().map_err(failed)?)
            // Ctrl-C in a terminal is for the owner alone.
            .process_group(0);
        if let Some(owner) = users.identity.owner() {
            command.uid(owner.user).gid(owner.group);
        }
        let child = match cgroup {
            Some(group) => group.start_inside(|| command.spawn()),
            None => command.spawn(),
        };
        Ok(Self {
            child: Some(child.map_err(failed)?),
            lifeline: Some(lifeline),
            users,
            is_overlay,
            inner: None,
            report,
            output,
        })
    }

    /// Reads what the start prints, and maps the users when `bwrap` waits for that.
    pub(super) fn until_ready(&mut self) -> Result<Process> {
        self.until_ready_within(READY)
    }

    /// The same for a script that does more before.
    pub(super) fn until_ready_within(&mut self, limit: Duration) -> Result<Process> {
        let until = Instant::now() + limit;
        let (mut text, mut report, mut seen) = (Vec::new(), Vec::new(), None);
        loop {
            // Asked before the output is read, which is then complete.
            let ended = self.has_ended()?;
            read(&self.report, &mut report)?;
            read(&self.output, &mut text)?;
            let size = (report.len(), text.len());
            if seen == Some(size) && !ended && Instant::now() <= until {
                std::thread::sleep(LOOK);
                continue;
            }
            seen = Some(size);
            let reported = self.reported()?;
            if self.inner.is_none() {
                self.inner = reported.first().copied();
                if let Some(child) = self.inner {
                    self.map_users(child)?;
                }
            }
            let first = match self.is_overlay {
                true => reported.get(1),
                false => self.inner.as_ref(),
            };
            let text = String::from_utf8_lossy(&text);
            let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            let ready = lines
                .map(str::trim_end)
                .find_map(|line| line.strip_prefix(IS_READY));
            match (ready, first) {
                (Some(""), Some(child)) => return Ok(*child),
                (Some(missing), _) if !missing.is_empty() => {
                    let why = format!("the root of the environment lacks:{missing}");
                    return Err(Error::invalid(why));
                }
                _ if ended || text.len() >= LONGEST => return Err(advice::error(text.trim())),
                _ if Instant::now() > until => {
                    let why = format!("the sandbox was not ready within {} s", limit.as_secs());
                    return Err(Error::engine(NAME, why));
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// The child that `bwrap` has reported, and the child of that one, if they still run.
    fn reported(&self) -> Result<Vec<Process>> {
        let mut text = Vec::new();
        read(&self.report, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut parent = self.child.as_ref().map(Child::id);
        let mut found = Vec::new();
        for child in lines.filter_map(child_pid) {
            match Process::running(child).filter(|child| child.parent() == parent) {
                Some(child) => {
                    parent = Some(child.pid());
                    found.push(child);
                }
                None => break,
            }
        }
        Ok(found)
    }

    fn has_ended(&mut self) -> Result<bool> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose();
        let ended = ended.map_err(|error| Error::engine(NAME, error))?;
        Ok(ended.flatten().is_some())
    }

    /// Maps the users of a new namespace, and lets `bwrap` continue.
    fn map_users(&mut self, child: Process) -> Result<()> {
        if self.users.joined.is_some() || !self.users.identity.map(child.pid())? {
            return Ok(());
        }
        let lifeline = self.lifeline.as_mut();
        let told = lifeline.map_or(Ok(()), |lifeline| lifeline.write_all(b"\n"));
        told.map_err(|error| Error::engine(NAME, error))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.lifeline = None;
        if self.child.is_none() {
            return;
        }
        // It ends by itself with its input. Killed between two steps, it would leave a process.
        let until = Instant::now() + GIVEN_UP;
        while matches!(self.has_ended(), Ok(false)) && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let found = self.reported().unwrap_or_default();
        let inner = found.last().copied().or(self.inner);
        inner.map(Process::kill);
        if let Some(child) = &mut self.child {
            end(child, GIVEN_UP);
        }
    }
}

/// Sends a request to the first process. It never waits. Only the owner can reach the first process
/// of an environment that is not kept.
pub(super) fn request(layout: &Layout, line: &str) -> io::Result<()> {
    let text = format!("{line}\n");
    if let Some((_, socket)) = owned().get(layout.top()).filter(|(process, _)| process.runs()) {
        let mut socket: &UnixStream = socket;
        return socket.write_all(text.as_bytes());
    }
    open_control(layout)?.write_all(text.as_bytes())
}

/// Opens the pipe of a kept first process; fails while no process reads it.
fn open_control(layout: &Layout) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut options = fs::OpenOptions::new();
    options.write(true).custom_flags(flags).open(layout.control())
}

/// Lets the first process read the pipe in place of the owner's end, and waits until it does: other
/// processes send their requests there. This blocks.
pub(super) fn keep(layout: &Layout, process: Process) -> io::Result<()> {
    request(layout, "keep")?;
    let until = Instant::now() + END;
    while let Err(error) = open_control(layout) {
        if !process.runs() || Instant::now() > until {
            return Err(error);
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
