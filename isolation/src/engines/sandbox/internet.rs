//! Access to the internet without the network of this machine: the network `bridge`.
//!
//! The program `slirp4netns` adds an interface to the network of an environment, and makes its
//! connections as a process of this machine. One runs for each such network, beside its
//! environments. It ends with them: the first process of each one holds a pipe open, and the
//! program ends when nothing holds it any more. So it outlives its creator as a kept environment
//! does, and nothing that ends an environment can miss it.
//!
//! It refuses the addresses that stand for the loopback interface of this machine, but not
//! 127.0.0.1 in a packet. So a route keeps such packets inside, and no process of the environment
//! has the kernel capability to write packets itself.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::NAME;
use super::arguments::ALIVE;
use super::first_process::Process;
use super::holder;
use super::layout::Layout;
use super::sandboxed::Sandboxed;
use super::slirp::{self, INTERFACE, PROGRAM};
use crate::error::{Error, Result};

/// The address at which it answers questions of DNS, with the resolver of this machine.
const RESOLVER: &str = "198.18.213.3";

/// How long it may take to end on a busy machine.
const END: Duration = Duration::from_secs(10);

/// How often that is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// The ones that this process has started: it waits for their ends.
static CHILDREN: Mutex<Vec<Child>> = Mutex::new(Vec::new());

fn children() -> MutexGuard<'static, Vec<Child>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes note of those that have ended.
fn reap() {
    children().retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

impl Layout {
    fn alive(&self) -> PathBuf {
        self.top().join("alive")
    }

    /// The record of the program, in the directory of the environment that has started it.
    fn internet(&self) -> PathBuf {
        self.top().join("internet")
    }

    /// Whether its network has access to the internet.
    pub(super) fn has_internet(&self) -> bool {
        self.network_note().is_some_and(|note| note.has_internet())
    }

    /// The pipe that the first process holds open: a new one, or that of the network of another
    /// first process. `None` without access to the internet.
    pub(super) fn pipe_to_hold(&self, joined: Option<Process>) -> Result<Option<PathBuf>> {
        match (self.has_internet(), joined) {
            (false, _) => Ok(None),
            (true, Some(other)) => Ok(Some(held_by(other))),
            (true, None) => {
                let path = self.alive();
                let made = self.make_pipe(&path);
                made.map_err(|e| Error::io("create the pipe", &path, e))?;
                Ok(Some(path))
            }
        }
    }
}

/// The pipe that a first process holds open.
fn held_by(process: Process) -> PathBuf {
    format!("/proc/{}/fd/{ALIVE}", process.pid()).into()
}

/// Whether the interface exists: the kernel removes it with the program.
fn is_up(process: Process) -> bool {
    let text = fs::read_to_string(format!("/proc/{}/net/dev", process.pid()));
    let name = |line: &str| line.split(':').next().map(str::trim) == Some(INTERFACE);
    text.is_ok_and(|text| text.lines().any(name))
}

impl Sandboxed {
    /// Gives the network of a first process access to the internet, if it is one with that and does
    /// not have it yet.
    pub(super) fn connect(&self, process: Process) -> Result<()> {
        reap();
        if !self.layout.has_internet() || is_up(process) {
            return Ok(());
        }
        let exit = open(process).map_err(|e| failed(&e.to_string()))?;
        let mut child =
            slirp::start(process, self.layout.identity(), exit.into()).map_err(|why| failed(&why))?;
        let record = i32::try_from(child.id()).ok().and_then(Process::running);
        let path = self.layout.internet();
        let written = fs::write(&path, record.map_or(String::new(), Process::record));
        if let Err(error) = written {
            holder::end(&mut child, Duration::ZERO);
            return Err(Error::io("write", &path, error));
        }
        children().push(child);
        Ok(())
    }

    /// Waits for the end of the program, after that of the last environment of its network.
    pub(super) fn disconnect(&self) {
        if let Some(program) = Process::recorded(&self.layout.internet()) {
            let until = Instant::now() + END;
            while program.runs() && !self.network_runs() {
                if Instant::now() > until {
                    program.kill();
                    break;
                }
                std::thread::sleep(LOOK);
            }
        }
        reap();
    }

    /// The network, for people.
    pub(super) fn internet_text(&self) -> String {
        reap();
        match self.process() {
            Some(process) if !is_up(process) => format!(
                "bridge, but the program {PROGRAM} has ended, and with it the access to the internet; stop \
                 the environment and start it"
            ),
            _ => format!("bridge, with access to the internet by the program {PROGRAM}"),
        }
    }
}

/// The file `resolv.conf` of an environment with access to the internet, from that of this machine.
pub(super) fn resolver(of_this_machine: &str) -> String {
    let domains = |line: &&str| matches!(line.split_whitespace().next(), Some("search" | "domain"));
    let mut text = format!("nameserver {RESOLVER}\n");
    for line in of_this_machine.lines().filter(domains) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn failed(why: &str) -> Error {
    let why = format!("the program {PROGRAM} gave the environment no access to the internet: {why}");
    Error::engine(NAME, why)
}

/// The pipe that a first process holds open, to notice that it does not any more.
fn open(process: Process) -> io::Result<File> {
    let path = held_by(process);
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(&path)?;
    match file.metadata()?.file_type().is_fifo() {
        true => Ok(file),
        false => Err(io::Error::other("the first process does not hold the pipe open")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolver_is_that_of_the_program() {
        let here = "# comment\nnameserver 127.0.0.53\nsearch corp.test lab.test\noptions edns0\n";
        assert_eq!(
            resolver(here),
            "nameserver 198.18.213.3\nsearch corp.test lab.test\n"
        );
        assert_eq!(resolver(""), "nameserver 198.18.213.3\n");
    }

    #[test]
    fn process_without_the_pipe_is_an_error() {
        let this = Process::running(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(!is_up(this) || fs::metadata("/sys/class/net/tap0").is_ok());
        let error = open(Process::running(1).unwrap_or(this)).unwrap_err();
        assert!(!error.to_string().is_empty());
        let error = failed("why");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.ends_with("to the internet: why"), "{source}");
    }
}
