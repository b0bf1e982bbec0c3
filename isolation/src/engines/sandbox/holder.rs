//! The first process of an environment: how it is started, found and ended.
//!
//! Its standard input is the pipe `control`, of which the owner holds the other end. It ends when
//! that end is closed, in any way, and the kernel then kills all other processes with it. There is
//! no moment at which the end of the owner would be missed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, OFlags};

use super::NAME;
use super::advice;
use super::arguments::{Arguments, INFO, Sandbox};
use super::descriptors;
use super::first_process::Process;
use super::identity::{COUNT, Identity};
use super::layout::Layout;
use super::script;
use crate::engines::host::cgroup::Cgroup;
use crate::error::{Error, Result};

/// How long the start may take on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// How long a sandbox that is given up may take to end by itself.
const END: Duration = Duration::from_secs(10);

/// How often a start is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// The most that is read of what a start prints.
const LONGEST: usize = 64 << 10;

/// The line of a first process that is ready; after the colon it names missing programs.
const IS_READY: &str = "isolate-ready:";

/// The owner's end of the first process. Dropping it ends the environment's processes.
#[derive(Debug)]
pub(super) struct Holder {
    /// `None` after [`release`](Self::release).
    lifeline: Option<File>,
    child: Child,
    process: Process,
}

impl Holder {
    /// Starts the first process, and waits until it takes requests. This blocks.
    /// Everything that runs in the environment later is in this control group.
    pub(super) fn start(layout: &Layout, sandbox: &Sandbox<'_>, cgroup: Option<&Cgroup>) -> Result<Self> {
        let control = layout.control();
        let failed = |e| Error::io("create the pipe", &control, e);
        layout.make_pipe(&control).map_err(failed)?;
        let open = |write: bool, flags: OFlags| {
            let flags = i32::try_from(flags.bits()).unwrap_or_default();
            let mut options = fs::OpenOptions::new();
            options
                .read(!write)
                .write(write)
                .custom_flags(flags)
                .open(&control)
        };
        // The first end does not wait for the other one.
        let first = open(false, OFlags::NONBLOCK).map_err(failed)?;
        let lifeline = open(true, OFlags::empty()).map_err(failed)?;
        let input = open(false, OFlags::empty()).map_err(failed)?;
        drop(first);
        let words = Arguments::user_namespace(sandbox.identity)
            .sandbox(sandbox)
            .program(["sh", "-c", &script::holder()]);
        let mut starting = Starting::spawn(&words, Stdio::from(input), sandbox.identity)?;
        starting.lifeline = Some(lifeline);
        let process = starting.until_ready()?;
        if let Some(group) = cgroup {
            group.add(process.pid())?;
        }
        fs::write(layout.holder(), process.record()).map_err(|e| Error::io("write", &layout.holder(), e))?;
        match starting.child.take() {
            Some(child) => Ok(Self {
                lifeline: starting.lifeline.take(),
                child,
                process,
            }),
            None => Err(Error::engine(NAME, "the sandbox has ended")),
        }
    }

    /// Starts a sandbox and ends it at once. This blocks.
    pub(super) fn probe(identity: Identity, base: &Path) -> Result<()> {
        let words = Arguments::user_namespace(identity)
            .probe(identity, base)
            .program(["sh", "-c", &format!("echo {IS_READY} >&2; read -r line")]);
        let mut starting = Starting::spawn(&words, Stdio::piped(), identity)?;
        let input = starting.child.as_mut().and_then(|child| child.stdin.take());
        starting.lifeline = input.map(|input| File::from(OwnedFd::from(input)));
        starting.until_ready().map(drop)
    }

    pub(super) fn process(&self) -> Process {
        self.process
    }

    /// Lets the processes live on without this owner. The first process must hold the pipe open
    /// itself.
    pub(super) fn release(&mut self) {
        self.lifeline = None;
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.lifeline.take().is_some() {
            self.process.kill();
            // The outer process ends with the first one.
            let _ = self.child.wait();
        } else {
            let _ = self.child.try_wait();
        }
    }
}

/// A sandbox that is not ready yet. Dropping it ends it.
struct Starting {
    child: Option<Child>,
    lifeline: Option<File>,
    identity: Identity,
    /// The messages of `bwrap` and the first process. Not a pipe: without a reader, after the end
    /// of the owner, `bwrap` fails between two steps and leaves a process.
    output: File,
}

impl Starting {
    /// Runs `bwrap` with these arguments, from a shell that gives it the output as descriptor 3
    /// too, and closes the inherited descriptors.
    fn spawn(words: &[OsString], input: Stdio, identity: Identity) -> Result<Self> {
        let failed = |error: io::Error| Error::engine(NAME, error);
        let output = rustix::fs::memfd_create("isolation-sandbox", MemfdFlags::CLOEXEC);
        let output = File::from(output.map_err(|error| failed(error.into()))?);
        let (shell, closed) = descriptors::closing()?;
        let mut command = Command::new(shell);
        command
            .args(["-c", &format!("exec {closed}{INFO}>&2\nexec bwrap \"$@\""), "sh"])
            .args(words)
            .env_clear()
            .env("PATH", super::arguments::PATH)
            .current_dir("/")
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(output.try_clone().map_err(failed)?)
            // Ctrl-C in a terminal is for the owner alone.
            .process_group(0);
        if let Some(owner) = identity.owner() {
            command.uid(owner.user).gid(owner.group);
        }
        Ok(Self {
            child: Some(command.spawn().map_err(failed)?),
            lifeline: None,
            identity,
            output,
        })
    }

    /// Reads what the start prints, and maps the users when `bwrap` waits for that.
    fn until_ready(&mut self) -> Result<Process> {
        let until = Instant::now() + READY;
        let (mut text, mut read, mut pid) = (Vec::new(), 0, None);
        let mut messages = String::new();
        loop {
            // Asked before the output is read, which is then complete.
            let ended = self.has_ended()?;
            self.read(&mut text)?;
            while let Some(end) = text[read..].iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&text[read..read + end])
                    .trim_end()
                    .to_owned();
                read += end + 1;
                if let Some(child) = child_pid(&line) {
                    if pid.is_none() {
                        self.map_users(child)?;
                    }
                    pid = Some(child);
                } else if let Some(missing) = line.strip_prefix(IS_READY) {
                    if !missing.is_empty() {
                        let why = format!("the root of the environment lacks:{missing}");
                        return Err(Error::invalid(why));
                    }
                    let process = pid.and_then(Process::running);
                    return process.ok_or_else(|| Error::engine(NAME, "the sandbox has ended at once"));
                } else if is_message(&line) {
                    messages.push_str(&line);
                    messages.push('\n');
                }
            }
            if ended || text.len() >= LONGEST {
                return Err(advice::error(messages.trim()));
            }
            if Instant::now() > until {
                return Err(Error::engine(NAME, "the sandbox was not ready within 30 s"));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn has_ended(&mut self) -> Result<bool> {
        let ended = self.child.as_mut().map(Child::try_wait).transpose();
        let ended = ended.map_err(|error| Error::engine(NAME, error))?;
        Ok(ended.flatten().is_some())
    }

    /// Appends what is new in the output.
    fn read(&self, text: &mut Vec<u8>) -> Result<()> {
        let mut piece = [0; 4096];
        while text.len() < LONGEST {
            let read = self.output.read_at(&mut piece, text.len() as u64);
            match read.map_err(|error| Error::engine(NAME, error))? {
                0 => break,
                read => text.extend_from_slice(&piece[..read]),
            }
        }
        Ok(())
    }

    /// Maps the users of a new namespace, and lets `bwrap` continue.
    fn map_users(&mut self, child: i32) -> Result<()> {
        let Identity::Range { first } = self.identity else {
            return Ok(());
        };
        let map = format!("0 {first} {COUNT}");
        for file in ["uid_map", "gid_map"] {
            let path = format!("/proc/{child}/{file}");
            fs::write(&path, &map).map_err(|e| Error::io("write", Path::new(&path), e))?;
        }
        let Some(lifeline) = &mut self.lifeline else {
            return Ok(());
        };
        lifeline
            .write_all(b"\n")
            .map_err(|error| Error::engine(NAME, error))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.lifeline = None;
        let Some(child) = &mut self.child else { return };
        // It ends by itself with the pipe. Killed between two steps, it would leave a process.
        let until = Instant::now() + END;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        // It has not been waited for, so its PID is its own.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Whether a line is a message of a program, not a part of the report about the child.
fn is_message(line: &str) -> bool {
    !line.is_empty() && line != "{" && line != "}" && !line.starts_with("    \"")
}

/// The PID in a line of the report about the child.
fn child_pid(line: &str) -> Option<i32> {
    let (name, number) = line.trim().trim_end_matches(',').split_once(':')?;
    (name == "\"child-pid\"")
        .then(|| number.trim().parse().ok())
        .flatten()
}

/// Sends a request to the first process. It never waits.
pub(super) fn request(layout: &Layout, line: &str) -> io::Result<()> {
    open_control(layout)?.write_all(format!("{line}\n").as_bytes())
}

fn open_control(layout: &Layout) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut options = fs::OpenOptions::new();
    options.write(true).custom_flags(flags).open(layout.control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_is_read_from_the_report() {
        let report = "{\n    \"child-pid\": 4711,\n    \"ipc-namespace\": 40\n}\nbwrap: no\n";
        let pids: Vec<i32> = report.lines().filter_map(child_pid).collect();
        assert_eq!(pids, [4711]);
        let messages: Vec<&str> = report.lines().filter(|line| is_message(line)).collect();
        assert_eq!(messages, ["bwrap: no"]);
    }
}
