//! The files that the engine makes for an environment.
//!
//! ```text
//! isolation-sandbox-ID/   0700; root also lets the users of the environment pass
//!   environment.json      the note that other processes read
//!   holder                PID and start time of the first process
//!   pipes/                the pipes of commands, inside /dev/isolation, read-only; `control`
//!                         takes the requests to an environment that is kept
//!   main/                 with a main process: its output, how it began and how it ended, inside
//!                         /dev/isolation-main
//!   filter                the system calls that are rejected
//!   hosts                 /etc/hosts of an environment with a shared network and a root that
//!                         can only be read
//!   network.json          which network it has, its names there, and its ports
//!   users                 user 1 of the environment, as this machine has it, if an ordinary user
//!                         has made an environment with several users
//!   root/                 the root of the environment
//!
//! With an image:
//!   image -> …/root       the files of the image, which never change
//!   upper/                what the environment has changed of them, as an overlay keeps it
//!   work/                 the overlay's own directory
//!   root/                 where the overlay is mounted, inside only; or a copy of the files where
//!                         no overlay can be mounted, and then there is no upper/
//!
//! Restored from a snapshot of an environment with an image, or forked from such a one:
//!   image -> own/root     which does not exist
//!   own/image.json        the configuration of the image
//!   root/                 all files
//! ```

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode};

use super::host_files::{COPIED, merged};
use super::identity::Identity;
use super::images::{Kept, Restored};
use crate::engines::host::directory::Directory;
use crate::error::{Error, Result};

/// The home directory of the root user, inside.
pub(super) const HOME: &str = "/root";

/// The directories of a root without an image, and their permissions.
const DIRECTORIES: [(&str, u32); 12] = [
    ("", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("etc/ssl", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
    ("var/tmp", 0o1777),
    ("var/log", 0o755),
];

/// The file with the users of an environment.
const USERS: &str = "users";

/// The paths that the engine makes in a root.
pub(super) fn made(has_image: bool) -> Vec<String> {
    let mut names = vec!["etc/hostname", "etc/hosts", "etc/resolv.conf"];
    if !has_image {
        names.extend(["etc/passwd", "etc/group"]);
        names.extend(DIRECTORIES.map(|(name, _)| name));
        names.extend(merged().map(|(name, _)| name));
    }
    let mut paths: Vec<String> = names.into_iter().map(|name| format!("/{name}")).collect();
    if !has_image {
        paths.extend(COPIED.map(|name| format!("/etc/{name}")));
    }
    paths
}

/// The paths of an environment.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    top: PathBuf,
    identity: Identity,
}

impl Layout {
    pub(super) fn of(directory: &Directory, identity: Identity) -> Self {
        Self {
            top: directory.path().to_owned(),
            identity,
        }
    }

    /// The layout of an existing environment, whose users are those of its creation.
    pub(super) fn existing(directory: &Directory) -> Self {
        use std::os::unix::fs::MetadataExt;
        // Nothing inside can change the group of this directory, as it can the owner of the root.
        let group = directory.path().symlink_metadata().map_or(0, |meta| meta.gid());
        let mine = rustix::process::getegid().as_raw();
        let identity = match rustix::process::geteuid().is_root() && group != mine {
            true => Identity::Range { first: group },
            false => match fs::read_to_string(directory.path().join(USERS)).map(|text| text.trim().parse()) {
                Ok(Ok(first)) => Identity::Mapped { first },
                _ => Identity::Caller,
            },
        };
        Self::of(directory, identity)
    }

    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    pub(super) fn root(&self) -> PathBuf {
        self.top.join("root")
    }

    /// The link to the files of the image, if there is one.
    pub(super) fn image(&self) -> PathBuf {
        self.top.join("image")
    }

    /// The changed files of an environment with an image.
    pub(super) fn upper(&self) -> PathBuf {
        self.top.join("upper")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.top.join("work")
    }

    /// Whether its root is an overlay over the files of an image.
    pub(super) fn is_overlay(&self) -> bool {
        self.upper().exists()
    }

    /// The image, if there is one.
    pub(super) fn kept_image(&self) -> Option<Kept> {
        match self.has_image() {
            true => Kept::of_link(&self.image(), self.identity).ok(),
            false => None,
        }
    }

    pub(super) fn has_image(&self) -> bool {
        self.image().symlink_metadata().is_ok()
    }

    /// The image of a restored snapshot.
    fn own_image(&self) -> PathBuf {
        self.top.join("own")
    }

    /// Whether it has the files of a snapshot, with an image that belongs to it alone.
    pub(super) fn has_own_image(&self) -> bool {
        self.own_image().exists()
    }

    pub(super) fn make_own_image(&self, image: Restored) -> Result<()> {
        image.write(&self.own_image())?;
        let link = self.image();
        symlink(self.own_image().join("root"), &link).map_err(|e| Error::io("create the link", &link, e))
    }

    /// Uses the image of another environment.
    pub(super) fn share_image(&self, source: &Self) -> Result<()> {
        if !source.has_image() {
            return Ok(());
        }
        let image = Kept::of_link(&source.image(), source.identity)?;
        if source.has_own_image() {
            return self.make_own_image(Restored::of(&image));
        }
        let link = self.image();
        symlink(image.root(), &link).map_err(|e| Error::io("create the link", &link, e))
    }

    pub(super) fn control(&self) -> PathBuf {
        self.pipes().join("control")
    }

    pub(super) fn holder(&self) -> PathBuf {
        self.top.join("holder")
    }

    /// The filter of system calls.
    pub(super) fn filter(&self) -> PathBuf {
        self.top.join("filter")
    }

    pub(super) fn pipes(&self) -> PathBuf {
        self.top.join("pipes")
    }

    /// A pipe or another file for this environment.
    pub(super) fn pipe(&self, name: &str, end: &str) -> PathBuf {
        self.pipes().join(format!("{name}.{end}"))
    }

    /// Creates the directories in the new directory of the environment.
    pub(super) fn make(&self) -> Result<()> {
        self.try_make()
            .map_err(|e| Error::io("set up the directory", &self.top, e))
    }

    fn try_make(&self) -> io::Result<()> {
        if let Some(owner) = self.identity.owner() {
            // The users of the environment may pass, but not list.
            rustix::fs::chown(&self.top, None, owner.gid())?;
            fs::set_permissions(&self.top, Permissions::from_mode(0o710))?;
        }
        if let Identity::Mapped { first } = self.identity {
            fs::write(self.top.join(USERS), first.to_string())?;
        }
        self.directory(&self.pipes(), self.mode_of_pipes())?;
        // The caller writes to it, and the environment only sees it.
        if self.identity.owner().is_some() {
            rustix::fs::chown(
                self.pipes(),
                Some(rustix::process::geteuid()),
                Some(rustix::process::getegid()),
            )?;
        }
        Ok(())
    }

    /// Creates the directories of an overlay over the files of an image.
    pub(super) fn make_overlay(&self, files: &Path) -> Result<()> {
        let link = self.image();
        symlink(files, &link).map_err(|e| Error::io("create the link", &link, e))?;
        self.make_overlay_directories()
    }

    /// The same for an image to which there is a link already.
    pub(super) fn make_overlay_directories(&self) -> Result<()> {
        let make = || {
            let mode = fs::metadata(self.image())?.permissions().mode() & 0o7777;
            for path in [self.upper(), self.work(), self.root()] {
                self.directory(&path, mode)?;
            }
            io::Result::Ok(())
        };
        make().map_err(|e| Error::io("set up the root", &self.top, e))
    }

    /// Creates a root without files.
    pub(super) fn make_empty_root(&self) -> Result<()> {
        let root = self.root();
        let made = self.directory(&root, 0o755);
        made.map_err(|e| Error::io("create the directory", &root, e))
    }

    /// Creates a root without an image: directories, and the files that every program reads, with
    /// those of the engine.
    pub(super) fn make_root(&self, files: [(&'static str, String); 3]) -> Result<()> {
        let root = self.root();
        self.try_make_root(files)
            .map_err(|e| Error::io("set up the root", &root, e))
    }

    fn try_make_root(&self, files: [(&'static str, String); 3]) -> io::Result<()> {
        let root = self.root();
        for (name, mode) in DIRECTORIES {
            self.directory(&root.join(name), mode)?;
        }
        for name in COPIED {
            self.copy_of_host(name)?;
        }
        for (name, target) in merged() {
            let link = root.join(name);
            symlink(target, &link)?;
            self.give(&link)?;
        }
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n";
        let own = [
            ("passwd", users.to_owned()),
            ("group", "root:x:0:\nnogroup:x:65534:\n".to_owned()),
        ];
        for (name, text) in own.into_iter().chain(files) {
            let path = root.join("etc").join(name);
            fs::write(&path, text)?;
            self.give(&path)?;
        }
        Ok(())
    }

    /// Copies a file in `/etc` of this machine, if it exists.
    fn copy_of_host(&self, name: &str) -> io::Result<()> {
        let from = Path::new("/etc").join(name);
        let to = self.root().join("etc").join(name);
        let copied = match fs::read_link(&from) {
            // The time zone is known by the name of its file.
            Ok(target) if target.starts_with("/usr") => symlink(target, &to),
            _ => fs::copy(&from, &to).map(drop),
        };
        match copied {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            copied => copied.and_then(|()| self.give(&to)),
        }
    }

    /// Creates a directory, or sets the permissions of one.
    pub(super) fn directory(&self, path: &Path, mode: u32) -> io::Result<()> {
        match DirBuilder::new().mode(mode).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.give(path)?;
        // The caller's mask does not count.
        fs::set_permissions(path, Permissions::from_mode(mode))
    }

    /// Creates a pipe; a file in the way is replaced.
    pub(super) fn make_pipe(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0)?;
        self.give(path)
    }

    /// Gives a file to the root of the environment.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        match self.identity.owner() {
            Some(owner) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                Ok(rustix::fs::chownat(CWD, path, owner.uid(), owner.gid(), flags)?)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
