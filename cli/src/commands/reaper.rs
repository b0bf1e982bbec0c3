//! `isolate reaper`: waits until the process that started it has exited, then removes its
//! environments. Programs start this command, not people.
//!
//! Its standard input is the reading end of a pipe. The system closes the writing end when the
//! owner exits or is killed. A fork of the owner may keep the writing end open, so the reaper also
//! watches the process itself where the system allows it.

use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use isolation::engines::docker::PullPolicy;
use isolation::{Gc, GcReport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::setsid;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::error::CliError;
use crate::exit_code;
use crate::global::Global;
use crate::session::Session;

/// The time in which a daemon that does not answer is tried again: it may be restarting.
const MAY_RETURN: Duration = Duration::from_secs(60);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The time that the owner may take to exit after its pipes are closed.
const ENDING: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// Remove the environments of a process when it exits
#[derive(Debug, Args)]
pub(crate) struct Reaper {
    /// Run in this process, which is already detached
    #[arg(long)]
    detached: bool,
    /// The PID of the owner, which has the other end of standard input
    #[arg(value_name = "PID")]
    owner: u32,
}

impl Reaper {
    pub(crate) async fn run(&self, global: &Global, client: &Client) -> Result<u8, CliError> {
        if !self.detached {
            return self.detach();
        }
        let failed = |error: rustix::io::Errno| CliError::new("cannot watch the owner").because(&error);
        // The owner's terminal sends no signals to another session.
        setsid().map_err(failed)?;
        self.wait().map_err(failed)?;
        Session::with(global, client, PullPolicy::default(), collect).await
    }

    /// Starts the reaper as a process that is independent of its owner, and exits. The leader of a
    /// process group cannot start a session, so another process is needed.
    fn detach(&self) -> Result<u8, CliError> {
        let failed = |error: std::io::Error| CliError::new("cannot start the reaper").because(&error);
        close_fds::set_fds_cloexec(3, &[]);
        Command::new(std::env::current_exe().map_err(failed)?)
            .args(["reaper", "--detached", &self.owner.to_string()])
            .stdin(Stdio::inherit())
            .spawn()
            .map_err(failed)?;
        Ok(exit_code::SUCCESS)
    }

    /// Waits until the owner has exited.
    fn wait(&self) -> rustix::io::Result<()> {
        let stdin = std::io::stdin();
        let pipe = PollFd::new(&stdin, PollFlags::IN);
        match process(self.owner) {
            Some(process) => {
                let process = PollFd::new(&process, PollFlags::IN);
                until_one_is_ready(&mut [pipe, process.clone()], None)?;
                // The system closes the pipes of a process before the process has exited.
                until_one_is_ready(&mut [process], Some(&ENDING))
            }
            None => {
                until_one_is_ready(&mut [pipe], None)?;
                std::thread::sleep(LONGEST_PAUSE / 10);
                Ok(())
            }
        }
    }
}

fn until_one_is_ready(watched: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> rustix::io::Result<()> {
    loop {
        match poll(watched, timeout) {
            Err(rustix::io::Errno::INTR) => {}
            ended => return ended.map(drop),
        }
    }
}

/// A descriptor that becomes readable when the process exits; `None` if it has exited, or if the
/// system has no such descriptors.
#[cfg(target_os = "linux")]
fn process(pid: u32) -> Option<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn process(_: u32) -> Option<OwnedFd> {
    None
}

async fn collect(session: &Session) -> Result<u8, CliError> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        let GcReport { failed, .. } = session.manager().gc(Gc::default()).await?;
        if failed.is_empty() || began.elapsed() >= MAY_RETURN {
            return Ok(exit_code::SUCCESS);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
