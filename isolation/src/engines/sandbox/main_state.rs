//! The known state of the main process of an environment, also of another owner.
//!
//! Its shell writes the beginning and the end to a file, and holds a pipe open while it runs. No
//! process has the pipe open after the environment has ended in another way.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::first_process::Process;
use super::layout::Layout;
use super::script::ALIVE;
use crate::command::execution::Chunk;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::engines::host::cgroup::Cgroup;
use crate::environment::status::Status;
use crate::error::{Error, Result};

/// The most that is read of the file, which processes inside can write to.
const LONGEST: u64 = 4096;

/// The state of the main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    NotStarted,
    Runs {
        /// Its PID inside.
        leader: u32,
    },
    Ended(ExitStatus),
}

impl Layout {
    /// A file of the main process, or the directory of them.
    pub(super) fn main(&self, name: &str) -> PathBuf {
        self.top().join("main").join(name)
    }

    /// Creates the files of the main process, unless they exist. Returns those that are mounted.
    pub(super) fn make_main(&self) -> Result<[PathBuf; 3]> {
        let files = ["state", "stdout", "stderr"].map(|name| self.main(name));
        let make = || {
            self.directory(&self.main(""), 0o755)?;
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            for file in &files {
                match options.open(file) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.and_then(|_| self.give(file))?,
                }
            }
            let pipe = self.pipes().join(ALIVE);
            match pipe.exists() {
                true => Ok(()),
                false => self.make_pipe(&pipe),
            }
        };
        make().map_err(|e| Error::io("create the files of the main process", &self.main(""), e))?;
        Ok(files)
    }
}

/// The state now.
pub(super) fn seen(layout: &Layout) -> Result<Seen> {
    // In this order: the end is written before the pipe is closed.
    let is_open = is_open(layout)?;
    let path = layout.main("state");
    let mut text = String::new();
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::NotStarted),
        opened => opened
            .and_then(|file| file.take(LONGEST).read_to_string(&mut text))
            .map_err(|e| Error::io("read", &path, e))?,
    };
    Ok(parse(&text, is_open))
}

fn parse(text: &str, is_open: bool) -> Seen {
    // The last line may be incomplete.
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let (mut leader, mut code) = (None, None);
    for line in words {
        match line.as_slice() {
            ["B", pid, _] => leader = pid.parse().ok(),
            ["E", end] => code = end.parse().ok(),
            _ => {}
        }
    }
    match (leader, code) {
        (None, _) => Seen::NotStarted,
        (Some(_), Some(code)) => Seen::Ended(ExitStatus::from_code(code)),
        (Some(leader), None) if is_open => Seen::Runs { leader },
        // It was killed with its environment.
        (Some(_), None) => Seen::Ended(ExitStatus::from_code(128 + Signal::Kill.number())),
    }
}

/// Whether a process has the pipe open.
fn is_open(layout: &Layout) -> Result<bool> {
    let path = layout.pipes().join(ALIVE);
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let mut options = fs::OpenOptions::new();
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let read = |mut pipe: File| pipe.read(&mut [0]);
    match options.read(true).custom_flags(flags).open(&path).and_then(read) {
        Ok(read) => Ok(read > 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

/// Prepares the next run: nothing of the main process runs.
pub(super) fn reset(layout: &Layout, cgroup: Option<&Cgroup>) -> Result<()> {
    layout.make_main()?;
    let write = |name: &str, text: &str| {
        let path = layout.main(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|e| Error::io("write", &path, e))
    };
    write("state", "")?;
    write("killed", &killed_at_limit(cgroup).to_string())
}

/// Whether the kernel has killed a process of this run at the memory limit.
pub(super) fn was_killed_at_limit(layout: &Layout, cgroup: Option<&Cgroup>) -> bool {
    let before = fs::read_to_string(layout.main("killed")).unwrap_or_default();
    killed_at_limit(cgroup) > before.parse().unwrap_or(0)
}

fn killed_at_limit(cgroup: Option<&Cgroup>) -> u64 {
    cgroup.map_or(0, Cgroup::killed_at_limit)
}

/// The status of an environment whose note has this one.
pub(super) fn current(noted: Status, layout: &Layout, has_main: bool) -> Status {
    let ran = matches!(noted, Status::Running | Status::Paused);
    // The next call that needs a value reports that it cannot be read.
    let main_ended = || has_main && matches!(seen(layout), Ok(Seen::Ended(_)));
    match ran && (Process::of(layout).is_none() || main_ended()) {
        true => Status::Stopped,
        false => noted,
    }
}

/// The files for the output of a main process that is attached.
pub(super) struct Tee {
    stdout: File,
    stderr: File,
}

impl Tee {
    pub(super) fn open(layout: &Layout) -> io::Result<Self> {
        let open = |name| fs::OpenOptions::new().append(true).open(layout.main(name));
        Ok(Self {
            stdout: open("stdout")?,
            stderr: open("stderr")?,
        })
    }

    pub(super) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        match chunk {
            Chunk::Stdout(bytes) => self.stdout.write_all(bytes),
            Chunk::Stderr(bytes) => self.stderr.write_all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::super::main_log::Part;
    use super::*;
    use crate::engines::host::directory::Directory;
    use crate::environment::id::EnvironmentId;
    use crate::logs::OutputStream;

    #[test]
    fn state_is_what_the_shell_has_written() {
        let ended = |code| Seen::Ended(ExitStatus::from_code(code));
        for (text, is_open, expected) in [
            ("", true, Seen::NotStarted),
            ("B 7", true, Seen::NotStarted),
            ("B 7 5\n", true, Seen::Runs { leader: 7 }),
            ("B 7 5\n", false, ended(137)),
            ("B 7 5\nE 3", true, Seen::Runs { leader: 7 }),
            ("B 7 5\nE 3\n", true, ended(3)),
            ("B 7 5\nE 3\n", false, ended(3)),
            ("E 3\n", false, Seen::NotStarted),
            ("B x 5\n", true, Seen::NotStarted),
            ("\nX 1 2\nB 7 5\n", true, Seen::Runs { leader: 7 }),
        ] {
            assert_eq!(parse(text, is_open), expected, "{text:?}");
        }
    }

    #[test]
    fn main_process_without_files_was_not_started() {
        let base = tempfile::tempdir().unwrap();
        let directory = Directory::create("sandbox", base.path(), &EnvironmentId::random()).unwrap();
        let layout = Layout::of(&directory, Identity::Caller);
        assert_eq!(seen(&layout).unwrap(), Seen::NotStarted);
        let mut log = Part::new(&layout, OutputStream::Stdout, Some(3)).unwrap();
        assert!(!log.read(|line| panic!("{line:?}")).unwrap());
        fs::create_dir(layout.pipes()).unwrap();
        layout.make_main().unwrap();
        fs::write(layout.main("state"), "B 7 5\nE 3\n").unwrap();
        assert_eq!(seen(&layout).unwrap(), Seen::Ended(ExitStatus::from_code(3)));
        let mut tee = Tee::open(&layout).unwrap();
        tee.write(&Chunk::Stdout("out\n".into())).unwrap();
        tee.write(&Chunk::Stderr("err\n".into())).unwrap();
        let text = |name| fs::read_to_string(layout.main(name)).unwrap();
        assert_eq!((text("stdout"), text("stderr")), ("out\n".into(), "err\n".into()));
        // Something else in the place of the pipe is not the end of the main process.
        fs::remove_file(layout.pipes().join(ALIVE)).unwrap();
        fs::create_dir(layout.pipes().join(ALIVE)).unwrap();
        let error = seen(&layout).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Io, "{error}");
    }
}
