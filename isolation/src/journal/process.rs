//! The identity of a process, with which another process can check later whether it still runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A process on a machine. The PID alone is not sufficient, because the system reuses it. The start
/// time and the boot distinguish two processes with the same PID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// The start, in clock ticks since the boot; `None` if the system does not report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<u64>,
    /// The boot of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// The machine: a home directory may be on several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// The PID namespace: a home directory may be mounted in containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
}

/// Whether a process still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    Alive,
    Dead,
    /// Unknown: it is on another machine or in another PID namespace.
    Unknown,
}

impl Process {
    /// This process.
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start: system::start(pid),
            boot: system::boot(),
            machine: system::machine(),
            namespace: system::namespace(),
        }
    }

    /// Whether it runs, if this process can determine that.
    pub(crate) fn liveness(&self) -> Liveness {
        self.liveness_seen_by(&Self::current())
    }

    fn liveness_seen_by(&self, observer: &Self) -> Liveness {
        if self.machine != observer.machine {
            return Liveness::Unknown;
        }
        if self.boot != observer.boot {
            return Liveness::Dead;
        }
        if self.namespace != observer.namespace {
            return Liveness::Unknown;
        }
        match system::exists(self.pid) {
            false => Liveness::Dead,
            true if self.start == system::start(self.pid) => Liveness::Alive,
            true => Liveness::Dead,
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    pub(super) fn start(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program is in parentheses and may contain any character.
        let fields = stat.rsplit_once(')')?.1;
        fields.split_whitespace().nth(19)?.parse().ok()
    }

    pub(super) fn boot() -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }

    pub(super) fn machine() -> Option<String> {
        let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        match id.trim() {
            "" => super::node_name(),
            id => Some(id.to_owned()),
        }
    }

    pub(super) fn namespace() -> Option<String> {
        let link = fs::read_link("/proc/self/ns/pid").ok()?;
        Some(link.to_string_lossy().into_owned())
    }

    /// Whether the process exists and has not exited. A zombie process has exited: its files are
    /// closed.
    pub(super) fn exists(pid: u32) -> bool {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return false;
        };
        let state = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().next());
        !matches!(state, Some("Z" | "X"))
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
    use rustix::process::{Pid, test_kill_process};

    pub(super) fn start(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn boot() -> Option<String> {
        None
    }

    pub(super) fn machine() -> Option<String> {
        super::node_name()
    }

    pub(super) fn namespace() -> Option<String> {
        None
    }

    /// A process of another user counts, too.
    pub(super) fn exists(pid: u32) -> bool {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn start(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn boot() -> Option<String> {
        None
    }

    pub(super) fn machine() -> Option<String> {
        None
    }

    pub(super) fn namespace() -> Option<String> {
        None
    }

    /// The result is unknown, so that no environment of a running process is removed.
    pub(super) fn exists(_: u32) -> bool {
        true
    }
}

#[cfg(unix)]
fn node_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn machine_without_an_id_has_its_name() {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(node_name().as_deref(), Some(name.trim()));
    }

    #[test]
    fn process_is_alive_until_it_ends() {
        assert_eq!(Process::current().liveness(), Liveness::Alive);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let of_child = Process {
            pid: child.id(),
            start: system::start(child.id()),
            ..Process::current()
        };
        assert_eq!(of_child.liveness(), Liveness::Alive);
        child.kill().unwrap();
        while of_child.liveness() == Liveness::Alive {
            std::thread::yield_now(); // a zombie counts as dead before it is waited for
        }
        child.wait().unwrap();
        assert_eq!(of_child.liveness(), Liveness::Dead);
    }

    #[test]
    fn reused_pid_is_another_process() {
        let now = Process::current();
        let earlier = Process {
            start: now.start.map(|start| start - 1),
            ..now.clone()
        };
        assert_eq!(earlier.liveness(), Liveness::Dead);
        let before_the_boot = Process {
            boot: Some("another".into()),
            ..now.clone()
        };
        assert_eq!(before_the_boot.liveness(), Liveness::Dead);
        for elsewhere in [
            Process {
                machine: Some("another".into()),
                ..now.clone()
            },
            Process {
                namespace: Some("pid:[1]".into()),
                ..now
            },
        ] {
            assert_eq!(elsewhere.liveness(), Liveness::Unknown);
        }
    }
}
