//! The root of a running environment, opened from outside.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

use super::as_owner::as_owner;
use super::first_process::Process;
use super::identity::Identity;
use crate::error::{Error, Result};

/// The root of a running environment. It stays open if the environment ends.
#[derive(Debug)]
pub(super) struct OpenRoot(OwnedFd);

impl OpenRoot {
    /// Opens the root of a first process.
    pub(super) fn of(process: Process, identity: Identity) -> Result<Self> {
        let path = process.root();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || {
            let opened = rustix::fs::open(&path, flags, Mode::empty());
            opened.map_err(|error| Error::io("open the root of the environment", &path, error.into()))
        };
        let opened = match (open(), identity.owner()) {
            // Root itself may open it only with a capability that it does not have in a container.
            (Err(_), Some(owner)) => as_owner(owner, open)?,
            (opened, _) => opened?,
        };
        // The number was that of the first process until the root was open.
        if !process.runs() {
            let ended = io::Error::other("the first process has ended");
            return Err(Error::io("open the root of the environment", &path, ended));
        }
        Ok(Self(opened))
    }

    /// Its path for this process and its children, while it is open.
    pub(super) fn path(&self) -> PathBuf {
        let (process, number) = (std::process::id(), self.0.as_raw_fd());
        format!("/proc/{process}/fd/{number}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_open_while_its_process_runs() {
        let this = Process::running(i32::try_from(std::process::id()).unwrap()).unwrap();
        let root = OpenRoot::of(this, Identity::Caller).unwrap();
        assert!(root.path().join("proc").is_dir());
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process::running(i32::try_from(child.id()).unwrap()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let error = OpenRoot::of(process, Identity::Caller).unwrap_err();
        assert!(error.to_string().contains("root of the environment"), "{error}");
        let other = Identity::Range { first: 4_000_000 };
        if rustix::process::geteuid().is_root() {
            OpenRoot::of(process, other).unwrap_err();
        }
    }
}
