//! The program `slirp4netns`, which gives a network access to the internet.
//!
//! It is confined itself: it sees `/etc` and `/run` read-only, and a filter of system calls holds
//! for it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::descriptors;
use super::first_process::Process;
use super::holder;
use super::identity::{Identity, find_program};

/// The program.
pub(super) const PROGRAM: &str = "slirp4netns";

/// The programs that add a route to the network of a process.
pub(super) const NSENTER: &str = "nsenter";
pub(super) const IP: &str = "ip";

/// The program of util-linux that gives a program its own mounts.
const UNSHARE: &str = "unshare";

/// The device with which it makes an interface.
pub(super) const DEVICE: &str = "/dev/net/tun";

/// The options of the program, before the process whose network it is. It reports on its output
/// that it is ready, and ends with its input.
const OPTIONS: [&str; 8] = [
    "--configure",
    // A range for tests of devices: unlike the usual 10.0.2.0/24, virtual machines do not have it.
    "--cidr=198.18.213.0/24",
    "--mtu=65520",
    "--disable-host-loopback",
    "--enable-sandbox",
    "--enable-seccomp",
    "--ready-fd=1",
    "--exit-fd=0",
];

/// The interface that it makes.
pub(super) const INTERFACE: &str = "tap0";

/// How long it may take on a busy machine, to be ready.
const READY: Duration = Duration::from_secs(30);

/// How often that is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// The most that is read of its messages.
const LONGEST: usize = 16 << 10;

/// Starts the program for the network of a process, and waits until it is ready. It ends when the
/// other end of `exit` is closed everywhere. An error is its message. This blocks.
pub(super) fn start(process: Process, identity: Identity, exit: OwnedFd) -> Result<Child, String> {
    let program = needed(PROGRAM)?;
    refuse_loopback(process)?;
    started(&program, process, identity, exit, READY)
}

fn needed(program: &str) -> Result<PathBuf, String> {
    find_program(program).ok_or_else(|| format!("the program {program} is missing"))
}

/// Sends no packet to a loopback address out of the network of a process. A socket that a program
/// has bound to the interface would otherwise send them to this program, which forwards them to
/// those of this machine. The address 127.0.0.1 inside is found before this route.
fn refuse_loopback(process: Process) -> Result<(), String> {
    let (ip, pid) = (needed(IP)?, process.pid().to_string());
    let mut command = Command::new(needed(NSENTER)?);
    command.args(["-t", &pid, "-n"]);
    // Root may change the network from outside, and would be no root among the users inside.
    if !rustix::process::geteuid().is_root() {
        command.args(["-U", "--preserve-credentials"]);
    }
    command
        .arg("--")
        .arg(ip)
        .args(["route", "replace", "unreachable", "127.0.0.0/8"])
        .env_clear()
        .env("PATH", super::PATH)
        .current_dir("/")
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{IP} cannot add a route: {}",
            reason(&String::from_utf8_lossy(&output.stderr))
        )),
    }
}

fn started(
    program: &Path,
    process: Process,
    identity: Identity,
    exit: OwnedFd,
    limit: Duration,
) -> Result<Child, String> {
    let text = |error: io::Error| error.to_string();
    // Datagrams: after the start, the messages stay unread, and the program neither waits nor ends
    // for that, as it would with a pipe. A file could grow without a limit.
    let pair = || -> io::Result<_> {
        let (ours, its) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        its.set_nonblocking(true)?;
        Ok((ours, its))
    };
    let (ready, its_ready) = pair().map_err(text)?;
    let (messages, its_messages) = pair().map_err(text)?;
    let (shell, closed) = descriptors::closing().map_err(|error| error.to_string())?;
    // Root of this machine only where no other user may open the device.
    let owner = identity.owner().filter(|_| is_open_to_all(Path::new(DEVICE)));
    let mut command = Command::new(shell);
    command.args(["-c", &format!("exec {closed}\nexec \"$@\""), "sh"]);
    if owner.is_none() && rustix::process::geteuid().is_root() {
        command.args(own_mounts()?);
    }
    command
        .arg(program)
        .args(OPTIONS)
        .args([process.pid().to_string().as_str(), INTERFACE])
        .env_clear()
        .env("PATH", super::PATH)
        .envs(descriptors::NO_START_FILES)
        .current_dir("/")
        .stdin(Stdio::from(exit))
        .stdout(OwnedFd::from(its_ready))
        .stderr(OwnedFd::from(its_messages))
        // Ctrl-C in a terminal is for the owner alone.
        .process_group(0);
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
    let mut child = command.spawn().map_err(text)?;
    // With it, this process closes its copies of the descriptors.
    drop(command);
    let (until, mut printed) = (Instant::now() + limit, String::new());
    loop {
        let ended = !matches!(child.try_wait(), Ok(None));
        receive(&messages, &mut printed);
        if is_reported(&ready) {
            return Ok(child);
        }
        let is_late = Instant::now() > until;
        if ended || is_late {
            holder::end(&mut child, Duration::ZERO);
            return Err(match is_late && !ended {
                true => format!("it was not ready within {} s", limit.as_secs()),
                false => reason(&printed),
            });
        }
        std::thread::sleep(LOOK);
    }
}

/// The program and its arguments that give root mounts of its own. `--enable-sandbox` unmounts all
/// that the program sees: as root of this machine it would do that in every namespace with which
/// its mounts are shared. The mounts of another user are never shared in that direction.
fn own_mounts() -> Result<[OsString; 5], String> {
    let program = needed(UNSHARE)?;
    let options = ["--mount", "--propagation", "slave", "--"].map(OsString::from);
    let [mount, propagation, slave, end] = options;
    Ok([program.into_os_string(), mount, propagation, slave, end])
}

/// Whether every user may open a device.
pub(super) fn is_open_to_all(device: &Path) -> bool {
    device.metadata().is_ok_and(|meta| meta.mode() & 0o006 == 0o006)
}

/// Whether the report has arrived that it is ready. Other lines may have arrived before.
fn is_reported(from: &UnixDatagram) -> bool {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.recv(&mut piece) {
        if piece[..read] == *b"1" {
            return true;
        }
    }
    false
}

/// Appends what has arrived, up to a limit.
fn receive(from: &UnixDatagram, text: &mut String) {
    let mut piece = [0; 4096];
    while text.len() < LONGEST {
        match from.recv(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&piece[..read])),
        }
    }
}

/// The first message that is an error.
fn reason(printed: &str) -> String {
    let is_progress = |line: &&str| {
        ["WARNING:", "sent tapfd", "received tapfd"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let mut lines = printed
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_progress(line));
    lines.next().unwrap_or("it ended without a message").to_owned()
}

#[cfg(test)]
mod tests;
