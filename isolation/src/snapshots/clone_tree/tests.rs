//! Tests of copies of directories.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, Timespec, Timestamps};

use super::*;

/// The properties of an entry that a copy must keep.
#[derive(Debug, PartialEq, Eq)]
struct Looks {
    mode: u32,
    owner: (u32, u32),
    changed: (i64, i64),
    names: u64,
    content: Vec<u8>,
    xattrs: crate::snapshots::Attributes,
}

/// All entries by their paths; sockets are left out.
fn looks(top: &Path) -> BTreeMap<PathBuf, Looks> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = path.symlink_metadata().unwrap();
        let kind = meta.file_type();
        if kind.is_socket() {
            continue;
        }
        let (mut content, mut xattrs) = (Vec::new(), crate::snapshots::Attributes::new());
        if kind.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if kind.is_symlink() {
            content = fs::read_link(&path)
                .unwrap()
                .into_os_string()
                .into_encoded_bytes();
        } else if kind.is_file() {
            content = fs::read(&path).unwrap();
            xattrs = xattrs::read(&File::open(&path).unwrap()).unwrap();
        }
        let looks = Looks {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            changed: (meta.mtime(), meta.mtime_nsec()),
            names: if kind.is_dir() { 0 } else { meta.nlink() },
            content,
            xattrs,
        };
        found.insert(path.strip_prefix(top).unwrap().to_owned(), looks);
    }
    found
}

fn set_time(path: &Path, seconds: i64) {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 123_456_789,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

#[test]
fn copy_has_everything_of_the_original() {
    let base = tempfile::tempdir().unwrap();
    let (from, to) = (base.path().join("from"), base.path().join("to"));
    fs::create_dir_all(from.join("d/e")).unwrap();
    fs::create_dir(&to).unwrap();
    // Read by their owner; what the umask takes away of a new file must not be missing.
    for (number, mode) in [
        0o400, 0o444, 0o600, 0o644, 0o666, 0o755, 0o777, 0o4755, 0o2711, 0o6777,
    ]
    .into_iter()
    .enumerate()
    {
        let path = from.join(format!("f{number}"));
        fs::write(&path, vec![b'x'; number * 20_000]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        set_time(&path, 1_000_000_000 + number as i64);
    }
    fs::hard_link(from.join("f9"), from.join("d/e/other name")).unwrap();
    fs::write(from.join("d/attributed"), "a").unwrap();
    let attributed = File::options()
        .write(true)
        .open(from.join("d/attributed"))
        .unwrap();
    // Some file systems have no extended attributes.
    let flags = rustix::fs::XattrFlags::empty();
    for name in [&b"user.note"[..], b"user.no text \xff"] {
        let _ = rustix::fs::fsetxattr(&attributed, name, b"kept", flags);
    }
    attributed.set_permissions(Permissions::from_mode(0o444)).unwrap();
    symlink("../gone", from.join("d/link")).unwrap();
    set_time(&from.join("d/link"), 1_100_000_000);
    rustix::fs::mknodat(
        CWD,
        from.join("d/pipe"),
        FileType::Fifo,
        Mode::from_raw_mode(0o620),
        0,
    )
    .unwrap();
    let socket = UnixListener::bind(from.join("d/socket")).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(from.join("f3"), Some(1234), Some(4321)).unwrap();
        chown(from.join("f7"), Some(1234), Some(4321)).unwrap();
        fs::set_permissions(from.join("f7"), Permissions::from_mode(0o4755)).unwrap();
    }
    for (path, mode) in [("d/e", 0o500), ("d", 0o1777), ("", 0o750)] {
        fs::set_permissions(from.join(path), Permissions::from_mode(mode)).unwrap();
        set_time(&from.join(path), 1_200_000_000);
    }
    clone_tree(&from, &to, &Stop::default()).unwrap();
    assert_eq!(looks(&to), looks(&from));
    assert!(!to.join("d/socket").exists());
    let inode = |path: &str| to.join(path).metadata().unwrap().ino();
    assert_eq!(inode("f9"), inode("d/e/other name"));
    assert_ne!(inode("f9"), from.join("f9").metadata().unwrap().ino());
    drop(socket);
    for top in [&from, &to] {
        // So that an ordinary user can remove it.
        fs::set_permissions(top.join("d/e"), Permissions::from_mode(0o700)).unwrap();
    }
}

/// A program may replace files after their directory was listed.
#[test]
fn replaced_file_is_copied_as_what_it_is() {
    let base = tempfile::tempdir().unwrap();
    let (from, to) = (base.path().join("from"), base.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        fs::write(from.join(name), "file").unwrap();
    }
    let is_done = AtomicBool::new(false);
    let look = |path: &Path, _: Seen<'_>| {
        if is_done.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let others: Vec<_> = names.iter().filter(|name| Path::new(name) != path).collect();
        for name in &others {
            fs::remove_file(from.join(name))?;
        }
        symlink("target", from.join(others[0]))?;
        fs::create_dir(from.join(others[1]))?;
        fs::write(from.join(others[1]).join("inner"), "inner")?;
        fs::write(from.join(others[2]), "another file")?;
        Ok(())
    };
    clone_tree_with(&from, &to, &Stop::default(), &look).unwrap();
    let contents = |top: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let all = looks(top).into_iter();
        all.map(|(path, looks)| (path, looks.content)).collect()
    };
    assert_eq!(contents(&to), contents(&from));
    assert_eq!(contents(&to).len(), 1 + 4 + 1);
}

fn directories() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let base = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| base.path().join(name));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    (base, from, to)
}

#[test]
fn socket_is_not_copied() {
    let (_base, from, to) = directories();
    let _socket = UnixListener::bind(from.join("socket")).unwrap();
    fs::write(from.join("file"), "content").unwrap();
    clone_tree(&from, &to, &Stop::default()).unwrap();
    let names: Vec<_> = fs::read_dir(&to)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["file"]);
    assert_eq!(fs::read(to.join("file")).unwrap(), b"content");
}

#[test]
fn first_failure_ends_the_copy() {
    let (_base, from, to) = directories();
    for number in 0..100 {
        fs::create_dir(from.join(number.to_string())).unwrap();
        fs::write(from.join(number.to_string()).join("file"), "content").unwrap();
    }
    let refused = |_: &Path, _: Seen<'_>| Err(io::ErrorKind::StorageFull.into());
    let error = clone_tree_with(&from, &to, &Stop::default(), &refused).unwrap_err();
    assert!(error.to_string().starts_with("cannot copy "), "{error}");
    let copied = fs::read_dir(&to).unwrap().filter(|made| {
        let made = made.as_ref().unwrap().path();
        made.join("file").exists()
    });
    assert_eq!(copied.count(), 0);
}

#[test]
fn tree_that_is_too_deep_is_not_copied() {
    let (_base, from, to) = directories();
    fs::create_dir_all(from.join("d/".repeat(DEEPEST + 1))).unwrap();
    let error = clone_tree(&from, &to, &Stop::default()).unwrap_err();
    assert!(
        error.to_string().contains("more than 256 directories deep"),
        "{error}"
    );
}

/// Copies nothing by itself.
fn cloning<'a>(top: &'a Path, stop: &'a Stop) -> Cloning<'a> {
    Cloning {
        top,
        me: Me::now(),
        stop,
        look: &|_, _| Ok(()),
        names: Mutex::default(),
        state: Mutex::default(),
        changed: Condvar::new(),
    }
}

#[test]
fn entry_of_a_file_system_without_types_is_copied() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("file"), "text").unwrap();
    let stop = Stop::default();
    let cloning = cloning(to.path(), &stop);
    let [source, target] = [&from, &to].map(|directory| Dir::open(directory.path()).unwrap());
    let source = Arc::new(source);
    for name in ["file", "gone"] {
        let copied = cloning.entry(&source, OsStr::new(name), None, &target, 0);
        copied.unwrap();
    }
    assert_eq!(fs::read(to.path().join("file")).unwrap(), b"text");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
}

#[test]
fn file_is_not_copied_as_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
    fs::write(&from, "text").unwrap();
    let stop = Stop::default();
    let error = cloning(directory.path(), &stop).special(&from, &to).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(!to.exists());
}
