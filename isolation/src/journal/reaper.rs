//! Starts the reaper: a process that waits until this process has exited, and then removes its
//! environments.
//!
//! It has the reading end of a pipe. The system closes the writing end when this process exits or
//! is killed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::directory::StateDirectory;
use super::file::VARIABLE;

/// The name of the program with the reaper.
const PROGRAM: &str = "isolate";

/// The maximum number of starts of a reaper for one directory: a program of another version may not
/// have the command.
const ATTEMPTS: u32 = 3;

/// The reapers of this process, one for each state directory.
static RUNNING: Mutex<BTreeMap<PathBuf, Running>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
struct Running {
    /// The process that started it. A fork of that process needs its own reaper.
    owner: u32,
    attempts: u32,
    pipe: Option<ChildStdin>,
}

/// Starts the reaper of this process for a directory, unless it already runs. A failed start is not
/// an error: the next start of a manager removes the leftovers.
pub(crate) fn ensure(directory: &StateDirectory, program: &Path) {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let owner = std::process::id();
    let entry = running.entry(directory.path().to_owned());
    let entry = entry.or_insert(Running {
        owner,
        attempts: 0,
        pipe: None,
    });
    if entry.owner != owner {
        (entry.owner, entry.attempts, entry.pipe) = (owner, 0, None);
    }
    if entry.attempts < ATTEMPTS && !entry.pipe.as_ref().is_some_and(is_read) {
        entry.attempts += 1;
        entry.pipe = start(directory, program);
    }
}

/// Whether the other end is open.
fn is_read(pipe: &ChildStdin) -> bool {
    let mut polled = [PollFd::new(pipe, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let broken = PollFlags::ERR | PollFlags::HUP;
    poll(&mut polled, Some(&now)).is_ok() && !polled[0].revents().intersects(broken)
}

fn start(directory: &StateDirectory, program: &Path) -> Option<ChildStdin> {
    let mut child = Command::new(program)
        .arg("reaper")
        .arg(std::process::id().to_string())
        .env(VARIABLE, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        // The terminal sends it no signals before it has its own session.
        .process_group(0)
        .spawn()
        .ok()?;
    let pipe = child.stdin.take();
    // It starts the reaper and exits at once.
    let waiting = std::thread::Builder::new().name("isolation-reaper".into());
    let _ = waiting.spawn(move || child.wait());
    pipe
}

/// The program with the reaper: next to this executable, or on `PATH`.
pub(crate) fn program() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok();
    let beside = executable.and_then(|path| Some(path.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = beside.into_iter().chain(std::env::split_paths(&path));
    // The reaper starts in another directory.
    let absolute = directories.filter(|directory| directory.is_absolute());
    absolute
        .map(|directory| directory.join(PROGRAM))
        .find(|file| is_executable(file))
}

/// Whether a program of this name or path exists.
pub(crate) fn is_program(program: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match program.components().count() {
        // A name without a directory is searched.
        1 if program.is_relative() => {
            std::env::split_paths(&path).any(|directory| is_executable(&directory.join(program)))
        }
        _ => is_executable(program),
    }
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fork_of_the_process_starts_its_own_reaper() {
        let base = tempfile::tempdir().unwrap();
        let directory = StateDirectory::at(base.path()).unwrap();
        let attempts = || {
            let running = RUNNING.lock().unwrap();
            let running = &running[directory.path()];
            (running.owner, running.attempts)
        };
        let ours = std::process::id();
        let missing = Path::new("/no/such/program");
        for attempt in [1, 2, 3, 3] {
            ensure(&directory, missing);
            assert_eq!(attempts(), (ours, attempt));
        }
        // As after a fork: the map is that of the other process.
        if let Some(running) = RUNNING.lock().unwrap().get_mut(directory.path()) {
            running.owner = ours + 1;
        }
        ensure(&directory, missing);
        assert_eq!(attempts(), (ours, 1));
        RUNNING.lock().unwrap().remove(directory.path());
    }
}
