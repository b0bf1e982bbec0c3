//! Finds the processes of an environment, also those that left their process group, as daemons do,
//! and those that another process has started.
//!
//! A process belongs to an environment if it has an environment variable with the ID, or if its
//! parent belongs to it. A command can clear its environment variables and leave its session. It is
//! still found while its working directory, its root, its program or an open file is in the
//! directory of the environment. A process with a terminal is skipped: it is probably a shell of a
//! user who looks at the files. Open files do not count in a process that uses this library.
//!
//! On a system without `/proc` no process is found this way. Child processes of this process that
//! stay in their group are always found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

use super::cgroup::Cgroup;
use crate::command::signal::Signal;
use crate::environment::id::EnvironmentId;
use crate::error::Result;

/// The environment variable by which the processes of an environment are found.
pub(crate) const MARK: &str = "ISOLATION_ENVIRONMENT";

const ROUNDS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// The processes of an environment.
#[derive(Debug, Clone)]
pub(crate) struct EnvironmentProcesses {
    mark: String,
    directory: PathBuf,
    cgroup: Option<Cgroup>,
}

impl EnvironmentProcesses {
    pub(crate) fn of(id: &EnvironmentId, directory: &Path) -> Self {
        Self {
            mark: format!("{MARK}={id}"),
            directory: directory.to_owned(),
            cgroup: None,
        }
    }

    /// Adds the processes in a control group, which always belong to the environment.
    #[must_use]
    pub(crate) fn with_cgroup(mut self, cgroup: Option<Cgroup>) -> Self {
        self.cgroup = cgroup;
        self
    }

    /// Kills the processes of an environment of any process, and removes its control group.
    pub(crate) fn end(id: &EnvironmentId, directory: &Path, noted: Option<Cgroup>) -> Result<()> {
        let group = Cgroup::noted(noted, id);
        Self::of(id, directory).with_cgroup(group.clone()).kill_all();
        group.map_or(Ok(()), |group| group.remove())
    }

    /// Kills every process.
    pub(crate) fn kill_all(&self) {
        // Several rounds are needed: a process may fork after it was found and before it is killed.
        for _ in 0..ROUNDS {
            if self.signal_all(Signal::Kill, |_: Pid| false) == 0 {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Sends a signal to every process, unless `skip` is true for its process group; returns their
    /// number.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn signal_all(&self, _: Signal, _: impl Fn(Pid) -> bool) -> usize {
        0
    }

    /// The PIDs of every process.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn pids(&self) -> Vec<i32> {
        Vec::new()
    }

    /// Whether a process runs.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn any(&self) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::UNIX_EPOCH;

    use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

    use super::{Cgroup, EnvironmentProcesses};
    use crate::command::signal::Signal;
    use crate::engines::host::{file_user, process_group};

    /// The unit of times in `/proc`, in each second. It is the same on every Linux.
    const TICKS: u64 = 100;

    /// A process, from `/proc`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Process {
        pid: i32,
        parent: i32,
        group: i32,
        pub(super) terminal: i32,
        /// In ticks since the system started.
        start: u64,
    }

    impl EnvironmentProcesses {
        /// Sends a signal to every process, unless `skip` is true for its process group; returns
        /// their number.
        pub(crate) fn signal_all(&self, signal: Signal, skip: impl Fn(Pid) -> bool) -> usize {
            let found = self.find().into_iter();
            let skipped = |process: &Process| Pid::from_raw(process.group).is_some_and(&skip);
            let chosen = found.filter(|process| !skipped(process));
            chosen.filter(|process| process.signal(signal)).count()
        }

        /// The PIDs of every process.
        pub(crate) fn pids(&self) -> Vec<i32> {
            self.find().iter().map(|process| process.pid).collect()
        }

        /// Whether a process runs.
        pub(crate) fn any(&self) -> bool {
            !self.find().is_empty()
        }

        /// Every process except this one: a command in the environment may destroy the environment.
        fn find(&self) -> Vec<Process> {
            let all: Vec<Process> = processes().collect();
            let since = self.created();
            let grouped = self.cgroup.as_ref().map(Cgroup::processes).unwrap_or_default();
            // A thread that starts a command is in the group for a moment; its process is not.
            let is_grouped = |pid: i32| {
                let group = self.cgroup.as_ref();
                grouped.contains(&pid) && group.is_some_and(|group| group.has_process(pid))
            };
            let belongs = |process: &&Process| {
                is_grouped(process.pid) || self.is_marked(process.pid) || self.is_inside(process, since)
            };
            let mut found: HashSet<i32> = all.iter().filter(belongs).map(|process| process.pid).collect();
            loop {
                let is_child =
                    |process: &&Process| found.contains(&process.parent) && !found.contains(&process.pid);
                let children: Vec<i32> = all.iter().filter(is_child).map(|process| process.pid).collect();
                if children.is_empty() {
                    break;
                }
                found.extend(children);
            }
            all.into_iter()
                .filter(|process| found.contains(&process.pid))
                .collect()
        }

        /// A zombie process has no environment variables.
        fn is_marked(&self, pid: i32) -> bool {
            let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            variables
                .split(|byte| *byte == 0)
                .any(|variable| variable == self.mark.as_bytes())
        }

        /// Whether a process without a terminal, started after the directory was created, uses it.
        pub(super) fn is_inside(&self, process: &Process, since: u64) -> bool {
            if process.terminal != 0 || process.start < since {
                return false;
            }
            let links = ["cwd", "root", "exe"].map(|name| format!("/proc/{}/{name}", process.pid));
            let is_here = |target: &PathBuf| target.starts_with(&self.directory);
            if links
                .iter()
                .flat_map(fs::read_link)
                .any(|target| is_here(&target))
            {
                return true;
            }
            let files = fs::read_dir(format!("/proc/{}/fd", process.pid));
            let files = files.into_iter().flatten().flatten();
            let targets: Vec<PathBuf> = files.flat_map(|entry| fs::read_link(entry.path())).collect();
            targets.iter().any(is_here) && !targets.iter().any(|target| file_user::is_mark(target))
        }

        /// When the directory was created, in ticks since the system started; 0 if unknown.
        pub(super) fn created(&self) -> u64 {
            let seconds = seconds_of_creation(&self.directory).zip(start_of_system());
            // One second is subtracted, because the times are rounded.
            let seconds = seconds.map(|(created, start)| created.saturating_sub(start + 1));
            seconds.unwrap_or(0) * TICKS
        }
    }

    fn seconds_of_creation(directory: &Path) -> Option<u64> {
        let created = fs::symlink_metadata(directory).ok()?.created().ok()?;
        Some(created.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    fn start_of_system() -> Option<u64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok()
    }

    fn processes() -> impl Iterator<Item = Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let others = pids.filter(|pid| i64::from(*pid) != i64::from(std::process::id()));
        others.filter_map(Process::read)
    }

    impl Process {
        /// `None` if it has exited.
        pub(super) fn read(pid: i32) -> Option<Self> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name is in parentheses, and may contain blanks and parentheses.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |at: usize| fields.get(at)?.parse().ok();
            if matches!(*fields.first()?, "Z" | "X") {
                return None;
            }
            Some(Self {
                pid,
                parent: number(1)?,
                group: number(2)?,
                terminal: number(4)?,
                start: fields.get(19)?.parse().ok()?,
            })
        }

        pub(super) fn signal(&self, signal: Signal) -> bool {
            let pid = Pid::from_raw(self.pid);
            let Some(process) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
                return false;
            };
            // The process is read again: the descriptor always refers to one process, but the PID
            // may have been reused before it was opened.
            Self::read(self.pid).is_some_and(|now| now.start == self.start)
                && pidfd_send_signal(&process, process_group::number(signal)).is_ok()
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    use super::linux::Process;
    use super::*;

    #[test]
    fn process_in_the_directory_belongs_to_it() {
        let process = |child: &Child| Process::read(i32::try_from(child.id()).unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let processes = EnvironmentProcesses::of(&EnvironmentId::random(), &path);
        let sleep = |place: &Path| {
            let mut command = Command::new("sleep");
            command.arg("1000").current_dir(place).process_group(0);
            command.spawn().unwrap()
        };
        let (mut inside, mut outside) = (sleep(&path), sleep(Path::new("/")));
        let since = processes.created();
        // A process of a terminal is one of a person, who looks at the files.
        let of = |child: &Child, terminal: i32| {
            let mut process = process(child);
            process.terminal = terminal;
            process
        };
        assert!(processes.is_inside(&of(&inside, 0), since));
        assert!(!processes.is_inside(&of(&inside, 1), since));
        assert!(!processes.is_inside(&of(&inside, 0), u64::MAX));
        assert!(!processes.is_inside(&of(&outside, 0), since));
        let [first, second] = [&inside, &outside].map(process);
        for child in [&mut inside, &mut outside] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // No process has these numbers now, or another one has them.
        for gone in [first, second] {
            assert!(!gone.signal(Signal::Kill));
        }
    }

    /// It has left the directory, and has no variables any more.
    #[test]
    fn child_of_a_process_belongs_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let processes = EnvironmentProcesses::of(&EnvironmentId::random(), &path);
        let (name, id) = processes.mark.split_once('=').unwrap();
        let script = "exec env -i sleep 1000 & echo $!; wait";
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env(name, id)
            .current_dir("/")
            .process_group(0);
        let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut printed = BufReader::new(parent.stdout.take().unwrap());
        printed.read_line(&mut line).unwrap();
        let began = Instant::now();
        // Until then it is a copy of its parent.
        let program = format!("/proc/{}/cmdline", line.trim());
        while !std::fs::read(&program).unwrap().starts_with(b"sleep") {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        let signalled = processes.signal_all(Signal::Kill, |_| false);
        parent.wait().unwrap();
        assert_eq!(signalled, 2);
    }
}
