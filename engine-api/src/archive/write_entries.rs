//! Writes the entries of an archive, and can remove all of them again.
//!
//! Directories get their permissions and times last, the deepest first: an ordinary user cannot
//! write into a read-only directory, and a new file changes the time of its directory.
//!
//! An archive may replace one of its links by another link. So every path that is used again later,
//! for permissions, times or removal, is stored without symbolic links. An archive cannot replace a
//! directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use filetime::FileTime;
use tar::{Entry, EntryType};

/// The maximum size of the paths that are kept until the end, in bytes.
const MAX_PATH_BYTES: usize = 64 << 20;

/// The longest path of an entry, in bytes. No supported system allows a longer path.
const LONGEST_PATH: usize = 4096;

/// The maximum depth of a directory below the target directory. The removal of a tree needs a file
/// descriptor for each level, and the limit of a process is often 1024.
const DEEPEST: usize = 256;

/// The permissions that an archive may set: no set-user-ID, no set-group-ID, no sticky bit.
const PERMISSIONS: u32 = 0o777;

pub(super) struct EntryWriter {
    /// The directory, without symbolic links.
    root: PathBuf,
    /// Paths that this writer has created, without those below another created path. They have no
    /// symbolic links above their last part.
    created: BTreeSet<PathBuf>,
    /// Permissions and times that directories get at the end.
    directories: BTreeMap<PathBuf, (u32, Option<FileTime>)>,
    /// The bytes of all paths in `created` and `directories`.
    path_bytes: usize,
    /// The directory of the last entry: its path in the archive, its path without symbolic links,
    /// and whether it is in or below a created path.
    last_parent: Option<(PathBuf, PathBuf, bool)>,
}

impl EntryWriter {
    /// Creates the directory if it does not exist.
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        let failed = |error: io::Error| cannot_write(directory, &error);
        let missing = |path: &&Path| !path.as_os_str().is_empty() && fs::symlink_metadata(path).is_err();
        let first_missing = directory.ancestors().take_while(missing).last();
        fs::create_dir_all(directory).map_err(failed)?;
        let created = first_missing.map(fs::canonicalize).transpose().map_err(failed)?;
        Ok(Self {
            root: fs::canonicalize(directory).map_err(failed)?,
            created: created.into_iter().collect(),
            directories: BTreeMap::new(),
            path_bytes: 0,
            last_parent: None,
        })
    }

    /// Creates the directory of an entry. Its permissions and time are set by
    /// [`EntryWriter::finish`].
    pub(super) fn directory<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let Some(path) = target(entry)? else {
            return Ok(());
        };
        let (path, _) = self.create_directories(&path, entry)?;
        let mode = entry.header().mode().unwrap_or(0o755) & PERMISSIONS;
        let time = modified(entry)?;
        if !self.directories.contains_key(&path) {
            self.count(&path)?;
        }
        self.directories.insert(path, (mode, time));
        Ok(())
    }

    /// Writes the file or link of an entry.
    pub(super) fn file_or_link<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let Some(name) = target(entry)? else {
            return Ok(());
        };
        let parent = name.parent().unwrap_or(Path::new(""));
        let (directory, below_created) = self.create_directories(parent, entry)?;
        let path = directory.join(name.file_name().unwrap_or_default());
        let kind = entry.header().entry_type();
        if kind.is_hard_link() && entry.link_name()?.is_some_and(|target| target == name) {
            return Err(invalid(entry, "is a link to itself"));
        }
        let existed = fs::symlink_metadata(&path).is_ok();
        if existed && kind.is_hard_link() {
            fs::remove_file(&path).map_err(|error| cannot_write(&path, &error))?;
        } else if !existed && !below_created {
            self.count(&path)?;
            self.created.insert(path.clone());
        }
        let unpacked = entry.unpack_in(&self.root);
        // `false` is for a path that `target` has rejected.
        let is_inside = unpacked.map_err(|error| cannot_write(&path, &error))?;
        is_inside
            .then_some(())
            .ok_or_else(|| invalid(entry, "leads out of the directory"))?;
        let Some(time) = modified(entry)?.filter(|_| !kind.is_hard_link()) else {
            return Ok(());
        };
        let set = match kind {
            EntryType::Symlink => filetime::set_symlink_file_times(&path, time, time),
            _ => filetime::set_file_times(&path, time, time),
        };
        set.map_err(|error| cannot_write(&path, &error))
    }

    /// Sets the permissions and times of directories.
    pub(super) fn finish(&self) -> io::Result<()> {
        // In the order of paths, a directory comes before its contents.
        for (path, (mode, time)) in self.directories.iter().rev() {
            let failed = |error: io::Error| cannot_write(path, &error);
            set_permissions(path, *mode).map_err(failed)?;
            if let Some(time) = time {
                filetime::set_file_times(path, *time, *time).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes everything that this writer has created.
    pub(super) fn undo(&self) -> io::Result<()> {
        let mut outcome = Ok(());
        for path in self.directories.keys() {
            // After a failure of `finish`, some are read-only. The removal below reports a failure.
            drop(set_permissions(path, 0o700));
        }
        for path in self.created.iter().rev() {
            let removed = match fs::symlink_metadata(path) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
                Ok(_) => fs::remove_file(path),
                Err(error) => Err(error),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let reason = format!("cannot remove {}: {error}", path.display());
                    outcome = outcome.and(Err(io::Error::new(error.kind(), reason)));
                }
                _ => {}
            }
        }
        outcome
    }

    /// Creates a directory and its parents below the root. Returns it without symbolic links, and
    /// whether it is in or below a created path.
    fn create_directories<R: Read>(
        &mut self,
        name: &Path,
        entry: &Entry<'_, R>,
    ) -> io::Result<(PathBuf, bool)> {
        if let Some((last, real, below)) = &self.last_parent {
            if last == name {
                return Ok((real.clone(), *below));
            }
        }
        let mut real = self.root.clone();
        for part in name {
            real.push(part);
            self.create_directory(&mut real, entry)?;
        }
        let below = self.is_created(&real);
        self.last_parent = Some((name.to_owned(), real.clone(), below));
        Ok((real, below))
    }

    /// Creates one directory in an existing one. A link to a directory is replaced in the path by
    /// its target.
    fn create_directory<R: Read>(&mut self, path: &mut PathBuf, entry: &Entry<'_, R>) -> io::Result<()> {
        let failed = |error: io::Error| cannot_write(path, &error);
        match fs::symlink_metadata(&*path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(metadata) if metadata.is_symlink() => {
                let target = fs::canonicalize(&*path).map_err(failed)?;
                if !target.starts_with(&self.root) || !target.is_dir() {
                    return Err(invalid(entry, "leads out of the directory through a link"));
                }
                *path = target;
            }
            Ok(_) => {
                let error = io::Error::new(io::ErrorKind::AlreadyExists, "a file of this name exists");
                return Err(failed(error));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let depth = path
                    .strip_prefix(&self.root)
                    .map_or(0, |below| below.iter().count());
                if depth > DEEPEST {
                    return Err(invalid(entry, "is more than 256 directories deep"));
                }
                fs::create_dir(&*path).map_err(failed)?;
                if !self.is_created(path) {
                    self.count(path)?;
                    self.created.insert(path.clone());
                }
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(())
    }

    /// Whether this writer has created a path (without symbolic links), or one of its parents.
    fn is_created(&self, path: &Path) -> bool {
        path.ancestors().any(|path| self.created.contains(path))
    }

    fn count(&mut self, path: &Path) -> io::Result<()> {
        self.path_bytes += path.as_os_str().len();
        if self.path_bytes <= MAX_PATH_BYTES {
            return Ok(());
        }
        let reason = "the archive has more directories than 64 MiB of paths";
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

/// The path of an entry relative to the root; `None` for the root itself.
fn target<R: Read>(entry: &Entry<'_, R>) -> io::Result<Option<PathBuf>> {
    if entry.path_bytes().len() > LONGEST_PATH {
        return Err(invalid(entry, "has a path of more than 4096 bytes"));
    }
    let mut target = PathBuf::new();
    for part in entry.path()?.components() {
        match part {
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            Component::ParentDir => return Err(invalid(entry, "leads out of the directory")),
            Component::Normal(part) => target.push(part),
        }
    }
    Ok((!target.as_os_str().is_empty()).then_some(target))
}

/// The modification time of an entry: from its PAX record if there is one, otherwise from its
/// header.
fn modified<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Option<FileTime>> {
    let mut pax = None;
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        if record.key_bytes() == b"mtime" {
            pax = Some(record.value().ok().and_then(pax_time));
        }
    }
    match pax {
        Some(None) => Err(invalid(entry, "has a modification time that is not a number")),
        Some(time) => Ok(time),
        // A negative number is in two's complement: the tar crate returns its bits.
        None => Ok(entry
            .header()
            .mtime()
            .ok()
            .map(|seconds| FileTime::from_unix_time(seconds as i64, 0))),
    }
}

/// Parses the time of a PAX record: seconds since 1970, which may be negative and have a fraction.
fn pax_time(text: &str) -> Option<FileTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    match digits.parse().ok()? {
        nanos if negative && nanos > 0 => Some(FileTime::from_unix_time(
            seconds.checked_sub(1)?,
            1_000_000_000 - nanos,
        )),
        nanos => Some(FileTime::from_unix_time(seconds, nanos)),
    }
}

#[cfg(unix)]
fn set_permissions(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Windows has no such permissions of directories.
#[cfg(not(unix))]
fn set_permissions(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// An error with the path and the innermost reason. The outer errors of the tar crate repeat the
/// path.
fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    let mut reason = error.to_string();
    let mut source = error.get_ref().and_then(std::error::Error::source);
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    io::Error::new(error.kind(), format!("cannot write {}: {reason}", path.display()))
}

/// The error of an entry that cannot be unpacked.
pub(super) fn invalid<R: Read>(entry: &Entry<'_, R>, reason: &str) -> io::Error {
    let name = entry.path_bytes();
    let mut name = String::from_utf8_lossy(&name).into_owned();
    if let Some((end, _)) = name.char_indices().nth(200) {
        name.truncate(end);
        name.push('…');
    }
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the archive's entry {name:?} {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pax_times_have_signs_and_fractions() {
        let time = |text| pax_time(text).map(|time| (time.unix_seconds(), time.nanoseconds()));
        assert_eq!(time("0"), Some((0, 0)));
        assert_eq!(time("-86400"), Some((-86400, 0)));
        assert_eq!(time("-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time("-0.25"), Some((-1, 750_000_000)));
        assert_eq!(
            time("8589934592.123456789123"),
            Some((8_589_934_592, 123_456_789))
        );
        for bad in ["", "x", "1.x", "1.-5", "99999999999999999999"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn paths_that_are_kept_have_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = EntryWriter::create(directory.path()).unwrap();
        writer.path_bytes = MAX_PATH_BYTES - 4;
        writer.count(Path::new("four")).unwrap();
        let error = writer.count(Path::new("x")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("64 MiB of paths"), "{error}");
    }

    #[cfg(unix)] // Windows reports a path below a file as missing
    #[test]
    fn undo_names_the_first_path_that_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = EntryWriter::create(directory.path()).unwrap();
        let at = |name: &str| writer.root.join(name);
        let (file, below, new) = (at("file"), at("file/below"), at("new"));
        fs::write(&file, "in the way").unwrap();
        fs::write(&new, "").unwrap();
        writer.created = [below, new.clone()].into();
        let error = writer.undo().unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot remove ") && text.contains("below"),
            "{text}"
        );
        // The others are removed.
        assert!(file.exists() && !new.exists());
    }
}
