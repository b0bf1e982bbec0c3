//! Work with the users of an environment, from outside of it.
//!
//! A process in a user namespace can give files to users of this machine that the caller cannot
//! use otherwise, and remove their files.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use super::arguments::Arguments;
use super::as_owner::as_owner;
use super::first_process::Process;
use super::holder::{IS_READY, Starting};
use super::identity::{COUNT, Identity};
use super::layout::Layout;
use super::users::Users;
use super::{NAME, PATH};
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::dir::Owner;
use crate::files::remove_tree as tree;
use crate::snapshots::clone_tree;

/// How long such work may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Removes trees.
const REMOVE: &str = "rm -rf -- \"$@\" || exit 1";

/// Copies a tree with its owners. Not every `cp` knows the option.
const COPY: &str =
    "cp -a --reflink=auto -- \"$1/.\" \"$2\" 2>/dev/null || cp -a -- \"$1/.\" \"$2\" || exit 1";

impl Identity {
    /// Maps the users of a new user namespace, in which this process is; returns whether it was
    /// waiting for that.
    pub(super) fn map(self, process: u32) -> Result<bool> {
        match self {
            Self::Caller => return Ok(false),
            // Its owner has made the namespace. Root itself may map its users only with a
            // capability that it does not have in a container.
            Self::Range { first } => {
                let owner = self.outside(0, 0);
                as_owner(owner, || {
                    let map = format!("0 {first} {COUNT}");
                    for file in ["uid_map", "gid_map"] {
                        let path = format!("/proc/{process}/{file}");
                        fs::write(&path, &map).map_err(|e| Error::io("write", Path::new(&path), e))?;
                    }
                    Ok(())
                })?;
            }
            Self::Mapped { first } => {
                let caller = self.outside(0, 0);
                for (program, me) in [("newuidmap", caller.user), ("newgidmap", caller.group)] {
                    let words = [process, 0, me, 1, 1, first, COUNT - 1].map(|word| word.to_string());
                    ran(Command::new(program).args(words), program)?;
                }
            }
        }
        Ok(true)
    }
}

impl Layout {
    /// Replaces the overlay by a copy of the files of the image.
    pub(super) fn copy_image(&self) -> Result<()> {
        let root = self.root();
        let failed = |path: &Path, e| Error::io("set up the root", path, e);
        for path in [self.upper(), self.work()] {
            tree::remove_tree(&path).map_err(|e| failed(&path, e))?;
        }
        let files = fs::canonicalize(self.image()).map_err(|e| failed(&root, e))?;
        copy(self.identity(), &files, &root, &Stop::default())
    }

    /// The mode of the directory of pipes. The caller cannot give a pipe to another user: then
    /// everybody inside may open it, but only its user knows its name.
    pub(super) fn mode_of_pipes(&self) -> u32 {
        match self.identity() {
            Identity::Mapped { .. } => 0o711,
            _ => 0o755,
        }
    }

    /// Lets a user of the environment open a file again that the engine has made.
    pub(super) fn give_to(&self, path: &Path, owner: Owner) -> io::Result<()> {
        match self.identity() {
            // The caller must be able to read it, too.
            Identity::Mapped { .. } => fs::set_permissions(path, Permissions::from_mode(0o666)),
            _ => Ok(rustix::fs::chown(path, owner.uid(), owner.gid())?),
        }
    }
}

/// Removes the files of an environment that belong to other users than the caller. This blocks.
pub(super) fn remove(layout: &Layout) -> Result<()> {
    let identity = layout.identity();
    let trees = [layout.upper(), layout.work(), layout.root()];
    match identity {
        Identity::Mapped { .. } => trees.iter().try_for_each(|path| remove_tree(identity, path)),
        _ => Ok(()),
    }
}

/// Removes a tree with files of every user of environments. This blocks.
pub(super) fn remove_tree(identity: Identity, path: &Path) -> Result<()> {
    match (tree::remove_tree(path), identity) {
        (Ok(()), _) => Ok(()),
        // The caller may not do all of that.
        (Err(_), Identity::Mapped { .. }) => run(identity, REMOVE, &[path]),
        (Err(error), _) => Err(Error::io("remove", path, error)),
    }
}

/// Copies the content of a directory with its owners into another one. This blocks.
pub(super) fn copy(identity: Identity, from: &Path, to: &Path, stop: &Stop) -> Result<()> {
    match identity {
        // The caller cannot read all of it.
        Identity::Mapped { .. } => run(identity, COPY, &[from, to]),
        _ => clone_tree(from, to, stop),
    }
}

/// Runs a script as the root of a new user namespace, with the files of this machine. This blocks.
pub(super) fn run(identity: Identity, script: &str, arguments: &[&Path]) -> Result<()> {
    // Its report is read while it runs.
    let script = format!("{script}\necho {IS_READY} >&2; read -r line");
    let words = Arguments::user_namespace(identity).script(&script, arguments);
    let mut starting = Starting::spawn(&words, Users::new(identity), false, None, None, None, "")?;
    starting.until_ready_within(LIMIT).map(drop)
}

/// Gives a file to a user of a running environment, by its numbers inside. This blocks.
pub(super) fn give(process: Process, path: &Path, inside: Owner) -> Result<()> {
    let pid = process.pid().to_string();
    let owner = format!("{}:{}", inside.user, inside.group);
    let words = [
        "-t",
        &pid,
        "-U",
        "--preserve-credentials",
        "--",
        "chown",
        "-h",
        &owner,
        "--",
    ];
    let given = ran(Command::new("nsenter").args(words).arg(path), "nsenter");
    // The number was that of the first process until the end of the change.
    match process.runs() {
        true => given,
        false => Err(Error::engine(NAME, "the first process has ended")),
    }
}

/// Runs a program of this machine, which must succeed.
fn ran(command: &mut Command, program: &str) -> Result<()> {
    let failed = |why: String| Error::engine(NAME, io::Error::other(format!("{program}: {why}")));
    let output = command.env_clear().env("PATH", PATH).current_dir("/").output();
    let Output { status, stderr, .. } = output.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&stderr);
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!("{status}: {}", text.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_of_a_program_has_its_message() {
        ran(&mut Command::new("true"), "true").unwrap();
        let words = ["-c", "echo too bad >&2; exit 3"];
        let error = ran(Command::new("sh").args(words), "sh").unwrap_err();
        assert!(
            format!("{error:?}").contains("sh: exit status: 3: too bad"),
            "{error:?}"
        );
        let error = ran(&mut Command::new("no-such-program"), "no-such-program").unwrap_err();
        assert!(
            format!("{error:?}").contains("no-such-program: No such file"),
            "{error:?}"
        );
    }

    #[test]
    fn tree_that_cannot_be_removed_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "x").unwrap();
        let error = remove_tree(Identity::Caller, &file.join("inner")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Io, "{error}");
        remove_tree(Identity::Caller, &file).unwrap();
        assert!(!file.exists());
    }
}
