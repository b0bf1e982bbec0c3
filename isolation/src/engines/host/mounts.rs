//! Mounts below the directory of an environment. A command that runs as root can create them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The number of rounds: mounts below a mount appear after it is unmounted.
const ROUNDS: usize = 8;

/// Unmounts everything at and below a directory. A mount in use disappears from the directory at
/// once, and from the system when it is no longer in use.
///
/// # Errors
///
/// A list of the remaining mounts. Their contents do not belong to the environment, so the
/// directory cannot be removed.
pub(crate) fn unmount_below(directory: &Path) -> Result<()> {
    for _ in 0..ROUNDS {
        let found = below(directory);
        if found.is_empty() {
            return Ok(());
        }
        // The newest first: it may be on top of an older one.
        if !found.iter().rev().any(|path| unmount(path)) {
            break;
        }
    }
    match below(directory) {
        left if left.is_empty() => Ok(()),
        left => Err(refused(&left)),
    }
}

fn refused(left: &[PathBuf]) -> Error {
    let list: Vec<_> = left.iter().map(|path| path.display().to_string()).collect();
    let text = format!(
        "something is mounted in its directory: {}; unmount it (`umount PATH`), then destroy the \
         environment again",
        list.join(", ")
    );
    Error::new(ErrorKind::Conflict, text)
}

#[cfg(target_os = "linux")]
fn unmount(path: &Path) -> bool {
    use rustix::mount::UnmountFlags;
    rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok()
}

/// The mounts at and below a directory, oldest first.
#[cfg(target_os = "linux")]
fn below(directory: &Path) -> Vec<PathBuf> {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.split(|byte| *byte == b'\n').filter_map(mount_point);
    points.filter(|point| point.starts_with(directory)).collect()
}

/// Other systems have no bind mounts. The removal stops at another file system.
#[cfg(not(target_os = "linux"))]
fn unmount(_: &Path) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn below(_: &Path) -> Vec<PathBuf> {
    Vec::new()
}

/// The mount point in a line of `mountinfo`: the fifth field.
#[cfg(any(target_os = "linux", test))]
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let field = line.split(|byte| *byte == b' ').nth(4)?;
    Some(PathBuf::from(OsString::from_vec(unescaped(field))))
}

/// Blanks, tabs, newlines and backslashes are escaped as three octal digits.
pub(super) fn unescaped(mut field: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(field.len());
    while let Some((byte, rest)) = field.split_first() {
        let digits = rest.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped.filter(|_| *byte == b'\\') {
            Some(escaped) => {
                name.push(escaped);
                field = &rest[3..];
            }
            None => {
                name.push(*byte);
                field = rest;
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_blanks_are_read() {
        let line = br"36 35 98:0 /mnt1 /tmp/a\040b\134\011c rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount_point(line).unwrap(), Path::new("/tmp/a b\\\tc"));
        assert_eq!(unescaped(br"\04"), br"\04");
        assert_eq!(mount_point(b""), None);
    }

    #[test]
    fn refusal_lists_the_mounts() {
        let error = refused(&["/a".into(), "/b c".into()]);
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("/a, /b c; unmount"), "{error}");
    }
}
