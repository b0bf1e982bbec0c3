//! The metadata of a file in the protocol of fsutil.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::protobuf::Message;
use super::follow_links::slashed;

/// The metadata of a file as a message, and as a value if the file has contents.
pub(super) fn stat(
    path: &Path,
    relative: &Path,
    modified: Option<SystemTime>,
) -> io::Result<(Vec<u8>, Option<Metadata>)> {
    let metadata = fs::symlink_metadata(path)?;
    let time = modified.map_or_else(|| metadata.modified(), Ok)?;
    let stat = Message::default()
        .bytes(1, &slashed(relative))
        .number(2, mode(&metadata).into())
        .number(5, if metadata.is_dir() { 0 } else { metadata.len() })
        .number(6, nanoseconds(time));
    let stat = match metadata.is_symlink() {
        true => stat.bytes(7, &slashed(&fs::read_link(path)?)),
        false => stat,
    };
    let file = metadata.is_file().then_some(metadata);
    Ok((stat.into_bytes(), file))
}

/// Nanoseconds since 1970. A negative number is written as the unsigned number with the same bits.
fn nanoseconds(time: SystemTime) -> u64 {
    let nanoseconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    };
    u64::from_ne_bytes(nanoseconds.to_ne_bytes())
}

/// The mode in the format of Go: Go's bits for the type, and the permissions.
fn mode(metadata: &Metadata) -> u32 {
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => 1 << 31,
        kind if kind.is_symlink() => 1 << 27,
        _ => 0,
    };
    kind | permissions(metadata)
}

#[cfg(unix)]
fn permissions(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::MetadataExt;
    let mode = metadata.mode();
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let special = special.iter().filter(|(bit, _)| mode & bit != 0);
    special.fold(mode & 0o777, |all, (_, go)| all | go)
}

/// Windows has no such permissions; the docker command makes everything executable.
#[cfg(not(unix))]
fn permissions(_metadata: &Metadata) -> u32 {
    0o755
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_have_a_sign() {
        let nanosecond = Duration::from_nanos(1);
        assert_eq!(nanoseconds(UNIX_EPOCH + nanosecond), 1);
        assert_eq!(nanoseconds(UNIX_EPOCH - nanosecond), u64::MAX);
        assert_eq!(nanoseconds(UNIX_EPOCH), 0);
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_those_of_go() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "").unwrap();
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let of = |path: &Path| mode(&fs::symlink_metadata(path).unwrap());
        for (permissions, expected) in [
            (0o644, 0o644),
            (0o4755, 1 << 23 | 0o755),
            (0o2755, 1 << 22 | 0o755),
            (0o1755, 1 << 20 | 0o755),
        ] {
            set(permissions);
            assert_eq!(of(&path), expected);
        }
        symlink("file", directory.path().join("link")).unwrap();
        assert_eq!(of(&directory.path().join("link")), 1 << 27 | 0o777);
        assert_eq!(of(directory.path()) >> 31, 1);
    }
}
