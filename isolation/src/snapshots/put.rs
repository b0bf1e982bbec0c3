//! Creates the files of a part at a place of an environment that may have files there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;

use super::directory_out::Differing;
use super::owners::Owners;
use super::part_reader::PartReader;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::copy::{Place, Stop};
use crate::files::dir::{Dir, Kind};
use crate::files::remove_tree::remove_tree;

/// Creates the files beside the place, then renames them: those of a directory that exists are
/// merged into it, and a file replaces a file. This blocks.
///
/// # Errors
///
/// If a directory would replace a file, or a file a directory.
pub(crate) fn put(part: &PartReader, at: &Place, owners: Owners, stop: &Stop) -> Result<Differing> {
    let (directory, name) = at.parts();
    let staging = OsString::from(format!(".isolation-copy-{}", random_hex()));
    let path = at.reach().join(&staging);
    let failed = |error| Error::io("create the directory", &directory.path_of(&staging), error);
    let staged = directory.make_directory(&staging).map_err(failed)?;
    // No other user writes into it meanwhile.
    staged.set_mode(0o700).map_err(failed)?;
    let placed = part
        .write_directory_as(&path, owners, stop)
        .and_then(|differing| {
            move_to(directory, &staging, name)?;
            Ok(differing)
        });
    let removed = match path.symlink_metadata() {
        Ok(_) => remove_tree(&path).map_err(|e| Error::io("remove", &path, e)),
        Err(_) => Ok(()),
    };
    // The first error counts.
    let differing = placed?;
    removed.map(|()| differing)
}

/// Moves the new directory to its name.
fn move_to(directory: &Dir, staging: &OsStr, name: &OsStr) -> Result<()> {
    let failed = |error| Error::io("write", &directory.path_of(name), error);
    match directory.kind(name).map_err(failed)? {
        None => directory.rename(staging, directory, name).map_err(failed),
        Some(Kind::Directory) => {
            let from = directory.directory(staging).map_err(failed)?;
            merge(&from, &directory.directory(name).map_err(failed)?)
        }
        Some(_) => Err(conflict(directory, name)),
    }
}

fn merge(from: &Dir, to: &Dir) -> Result<()> {
    let listed = from.names().map_err(|e| Error::io("list", from.path(), e))?;
    let mode = from
        .metadata()
        .map_err(|e| Error::io("inspect", from.path(), e))?;
    // It may be read-only.
    let opened = from.set_mode(mode.permissions().mode() & 0o7777 | 0o700);
    opened.map_err(|e| Error::io("set the mode of", from.path(), e))?;
    for name in listed {
        let failed = |error| Error::io("write", &to.path_of(&name), error);
        let (new, old) = (from.kind(&name), to.kind(&name));
        match (new.map_err(failed)?, old.map_err(failed)?) {
            (Some(Kind::Directory), Some(Kind::Directory)) => {
                let (new, old) = (from.directory(&name), to.directory(&name));
                let (new, old) = (new.map_err(failed)?, old.map_err(failed)?);
                let mode = new.metadata().map_err(failed)?.permissions().mode();
                merge(&new, &old)?;
                old.set_mode(mode & 0o7777).map_err(failed)?;
            }
            (Some(Kind::Directory), Some(_)) | (Some(_), Some(Kind::Directory)) => {
                return Err(conflict(to, &name));
            }
            (Some(Kind::Directory), None) => move_directory(from, to, &name).map_err(failed)?,
            _ => from.rename(&name, to, &name).map_err(failed)?,
        }
    }
    Ok(())
}

/// Moves a directory that may be read-only: that changes its entry `..`.
fn move_directory(from: &Dir, to: &Dir, name: &OsStr) -> io::Result<()> {
    match from.rename(name, to, name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let moved = from.directory(name)?;
            let mode = moved.metadata()?.permissions().mode() & 0o7777;
            moved.set_mode(mode | 0o700)?;
            from.rename(name, to, name)?;
            moved.set_mode(mode)
        }
        moved => moved,
    }
}

fn conflict(directory: &Dir, name: &OsStr) -> Error {
    Error::invalid(format!(
        "cannot replace the directory {} with a file (or a file with a directory)",
        directory.path_of(name).display()
    ))
}
