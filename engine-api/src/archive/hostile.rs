//! Tests of malicious archives, and helpers of all tests that unpack.

use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use super::unpack::{END, unpack_all};

/// Unpacks an archive from memory. The stream is complete, or ends early after these bytes.
pub(super) fn unpack_bytes(archive: Vec<u8>, complete: bool, directory: &Path) -> io::Result<()> {
    let (send, pieces) = mpsc::channel(2);
    send.try_send(Bytes::from(archive)).unwrap();
    if complete {
        send.try_send(END).unwrap();
    }
    drop(send);
    unpack_all(pieces, directory)
}

pub(super) fn unpacked(archive: Vec<u8>, directory: &Path) -> io::Result<()> {
    unpack_bytes(archive, true, directory)
}

pub(super) fn header(kind: EntryType, mode: u32, mtime: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(0);
    header.set_mtime(mtime as u64);
    header
}

/// An archive of empty entries.
pub(super) fn archive(entries: &[(&str, EntryType, u32, i64)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, mode, mtime) in entries {
        let mut header = header(*kind, *mode, *mtime);
        match kind {
            EntryType::Symlink | EntryType::Link => {
                builder.append_link(&mut header, name, "top/file").unwrap();
            }
            _ => builder.append_data(&mut header, name, io::empty()).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

pub(super) fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn entry_that_leads_out_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let mut header = Header::new_gnu();
    header.set_size(1);
    header.as_gnu_mut().unwrap().name[..7].copy_from_slice(b"../evil");
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    archive.extend([b'x'; 512]);
    let error = unpacked(archive, &directory.path().join("in")).unwrap_err();
    assert!(error.to_string().contains("evil"), "{error}");
    assert!(is_empty(directory.path()));
}

#[cfg(unix)]
#[test]
fn entry_below_a_link_that_leads_out_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("in");
    fs::create_dir(&inside).unwrap();
    std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
    for name in ["up/evil", "up/new/evil"] {
        let error = unpacked(archive(&[(name, EntryType::Regular, 0o644, 1)]), &inside).unwrap_err();
        assert!(error.to_string().contains("leads out"), "{error}");
    }
    assert!(!directory.path().join("evil").exists() && !directory.path().join("new").exists());
    assert!(inside.join("up").exists());
}

#[test]
fn pipe_is_an_error_and_nothing_stays() {
    let directory = tempfile::tempdir().unwrap();
    let entries = [
        ("a/b/file", EntryType::Regular, 0o644, 1),
        ("pipe", EntryType::Fifo, 0o644, 1),
    ];
    let error = unpacked(archive(&entries), directory.path()).unwrap_err();
    let expected = "\"pipe\" is not a file, directory or link";
    assert!(error.to_string().contains(expected), "{error}");
    assert!(is_empty(directory.path()));
}

#[test]
fn long_name_beyond_the_limit_is_an_error() {
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let directory = tempfile::tempdir().unwrap();
        let mut long = header(kind, 0o644, 1);
        long.set_size(1 << 40);
        long.set_cksum();
        let mut bytes = long.as_bytes().to_vec();
        bytes.resize(3 << 20, b'a');
        let error = unpacked(bytes, directory.path()).unwrap_err();
        assert!(error.to_string().contains("more than 1 MiB"), "{error}");
    }
}

#[test]
fn path_beyond_the_limit_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let deep = "d/".repeat(5000) + "file";
    let error = unpacked(
        archive(&[(&deep, EntryType::Regular, 0o644, 1)]),
        directory.path(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("4096 bytes") && error.len() < 400, "{error}");
    assert!(is_empty(directory.path()));
}

/// Entries of hostile archives, in order. Links have a target.
#[cfg(unix)]
fn entries(list: &[(&str, EntryType, u32, &Path)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, mode, target) in list {
        let mut header = header(*kind, *mode, 1);
        match kind {
            EntryType::Symlink | EntryType::Link => {
                builder.append_link(&mut header, name, target).unwrap();
            }
            _ => builder.append_data(&mut header, name, io::empty()).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

/// A directory to unpack into, and another directory with a file that no archive may change.
#[cfg(unix)]
struct Victim {
    all: tempfile::TempDir,
}

#[cfg(unix)]
impl Victim {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let all = tempfile::tempdir().unwrap();
        fs::create_dir_all(all.path().join("in/sub")).unwrap();
        fs::create_dir(all.path().join("victim")).unwrap();
        fs::write(all.path().join("victim/file"), "mine").unwrap();
        for name in ["victim", "in/sub"] {
            fs::set_permissions(all.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { all }
    }

    fn path(&self) -> std::path::PathBuf {
        self.all.path().join("victim")
    }

    fn inside(&self) -> std::path::PathBuf {
        self.all.path().join("in")
    }

    fn is_unharmed(&self) {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(self.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read(self.path().join("file")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(self.path()).unwrap().count(), 1);
    }
}

#[cfg(unix)]
#[test]
fn permissions_do_not_follow_a_replaced_link() {
    use std::os::unix::fs::PermissionsExt;
    let victim = Victim::new();
    let outside = victim.path();
    let archive = entries(&[
        ("d", EntryType::Symlink, 0o777, Path::new("sub")),
        ("d", EntryType::Directory, 0o700, Path::new("")),
        ("d/new", EntryType::Directory, 0o700, Path::new("")),
        ("d", EntryType::Symlink, 0o777, &outside),
    ]);
    unpacked(archive, &victim.inside()).unwrap();
    victim.is_unharmed();
    for name in ["sub", "sub/new"] {
        let metadata = fs::metadata(victim.inside().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o700, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn cleanup_does_not_follow_a_replaced_link() {
    let victim = Victim::new();
    let outside = victim.path();
    let archive = entries(&[
        ("d", EntryType::Symlink, 0o777, Path::new("sub")),
        ("d/file", EntryType::Regular, 0o644, Path::new("")),
        ("d/new/x", EntryType::Regular, 0o644, Path::new("")),
        ("d", EntryType::Symlink, 0o777, &outside),
        ("pipe", EntryType::Fifo, 0o644, Path::new("")),
    ]);
    unpacked(archive, &victim.inside()).unwrap_err();
    victim.is_unharmed();
    assert!(is_empty(&victim.inside().join("sub")));
    assert!(fs::symlink_metadata(victim.inside().join("d")).is_err());
}

#[cfg(unix)]
#[test]
fn files_and_links_do_not_leave_through_a_link() {
    let victim = Victim::new();
    let outside = victim.path();
    let file = outside.join("file");
    let link = ("d", EntryType::Symlink, 0o777, outside.as_path());
    let empty = Path::new("");
    for attack in [
        ("d/file", EntryType::Regular, 0o644, empty),
        ("d/new", EntryType::Directory, 0o777, empty),
        ("d/new", EntryType::Symlink, 0o777, Path::new("file")),
        ("d", EntryType::Directory, 0o777, empty),
        ("hard", EntryType::Link, 0o644, Path::new("d/file")),
        ("hard", EntryType::Link, 0o644, Path::new("../victim/file")),
        ("hard", EntryType::Link, 0o644, file.as_path()),
    ] {
        unpacked(entries(&[link, attack]), &victim.inside()).unwrap_err();
        victim.is_unharmed();
        assert_eq!(fs::read_dir(victim.inside()).unwrap().count(), 1, "{attack:?}");
    }
    // A file replaces the link itself.
    let replaced = entries(&[link, ("d", EntryType::Regular, 0o644, empty)]);
    unpacked(replaced, &victim.inside()).unwrap();
    victim.is_unharmed();
}

#[cfg(unix)]
#[test]
fn absolute_name_is_below_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let mut header = header(EntryType::Regular, 0o644, 1);
    header.as_old_mut().name[..8].copy_from_slice(b"//etc//x");
    header.set_cksum();
    unpacked(header.as_bytes().to_vec(), directory.path()).unwrap();
    assert!(directory.path().join("etc/x").is_file());
}

#[cfg(unix)]
#[test]
fn hard_link_to_itself_keeps_the_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a"), "mine").unwrap();
    let archive = entries(&[("a", EntryType::Link, 0o644, Path::new("a"))]);
    let error = unpacked(archive, directory.path()).unwrap_err();
    assert!(error.to_string().contains("link to itself"), "{error}");
    assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn directories_beyond_the_depth_are_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let deep = |levels: usize| format!("{}file", "d/".repeat(levels));
    let file = |name: &str| archive(&[(name, EntryType::Regular, 0o644, 1)]);
    unpacked(file(&deep(256)), directory.path()).unwrap();
    let error = unpacked(file(&deep(257)), directory.path()).unwrap_err();
    assert!(error.to_string().contains("256 directories deep"), "{error}");
    // A link does not allow a deeper directory.
    let target = "d/".repeat(200);
    let through = entries(&[
        ("link", EntryType::Symlink, 0o777, Path::new(&target)),
        (
            &format!("link/{}", deep(100)),
            EntryType::Regular,
            0o644,
            Path::new(""),
        ),
    ]);
    let error = unpacked(through, directory.path()).unwrap_err();
    assert!(error.to_string().contains("256 directories deep"), "{error}");
}
