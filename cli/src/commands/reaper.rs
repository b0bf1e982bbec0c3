//! `isolate reaper`: waits for the end of the process that started it, then removes what that
//! process has left. Programs start it, not people.
//!
//! It holds the reading end of a pipe as standard input. The writing end closes when its owner
//! ends, whatever ends it. A fork of the owner may hold the writing end, too, so the process is
//! watched as well where the system allows it.

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

/// How long a daemon is tried that does not answer: it may be restarting.
const MAY_RETURN: Duration = Duration::from_secs(60);

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the owner may take to end after it has closed its pipes.
const ENDING: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// Remove what a process leaves when it ends
#[derive(Debug, Args)]
pub(crate) struct Reaper {
    /// Run in this process, which has been detached
    #[arg(long)]
    detached: bool,
    /// The PID of the owner, which holds the other end of standard input
    #[arg(value_name = "PID")]
    owner: u32,
}

impl Reaper {
    pub(crate) async fn run(&self, global: &Global, client: &Client) -> Result<u8, CliError> {
        if !self.detached {
            return self.detach();
        }
        let failed = |error: rustix::io::Errno| CliError::new("cannot watch the owner").because(&error);
        // No signal of the owner's terminal reaches another session.
        setsid().map_err(failed)?;
        self.wait().map_err(failed)?;
        Session::with(global, client, PullPolicy::default(), collect).await
    }

    /// Starts the reaper as a process that has no part of its owner, and ends. The leader of a
    /// process group cannot start a session, so this needs another process.
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

    /// Waits until the owner has ended.
    fn wait(&self) -> rustix::io::Result<()> {
        let stdin = std::io::stdin();
        let pipe = PollFd::new(&stdin, PollFlags::IN);
        match process(self.owner) {
            Some(process) => {
                let process = PollFd::new(&process, PollFlags::IN);
                until_one_is_ready(&mut [pipe, process.clone()], None)?;
                // A process that ends closes its pipes first.
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

/// A descriptor that becomes readable when the process ends; `None` if it has ended, or if the
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
        let GcReport { left, .. } = session.manager().gc(Gc::default()).await?;
        if left.is_empty() || began.elapsed() >= MAY_RETURN {
            return Ok(exit_code::SUCCESS);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
