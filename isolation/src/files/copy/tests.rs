use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::*;
use crate::ErrorKind;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn place(&self, name: &str) -> Place {
        Place::on_host(&self.at(name)).unwrap()
    }

    fn copy(&self, from: &str, to: &str) -> Result<()> {
        let target = Target::Environment;
        copy(&self.place(from), &self.place(to), target, &Stop::default())
    }

    fn count(&self, name: &str) -> usize {
        fs::read_dir(self.at(name)).unwrap().count()
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn copied_tree_keeps_content_modes_times_and_links() {
    let files = Files::new();
    fs::create_dir_all(files.at("from/deep")).unwrap();
    fs::write(files.at("from/deep/run"), [0, 255, 10]).unwrap();
    set_mode(&files.at("from/deep/run"), 0o751);
    symlink("/etc/passwd", files.at("from/link")).unwrap();
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(86400);
    let file = File::options()
        .write(true)
        .open(files.at("from/deep/run"))
        .unwrap();
    file.set_modified(before_1970).unwrap();
    set_mode(&files.at("from/deep"), 0o555);
    for _ in 0..2 {
        files.copy("from", "to").unwrap(); // the second time it replaces
    }
    assert_eq!(fs::read(files.at("to/deep/run")).unwrap(), [0, 255, 10]);
    let metadata = fs::metadata(files.at("to/deep/run")).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o751);
    assert_eq!(metadata.modified().unwrap(), before_1970);
    assert_eq!(fs::metadata(files.at("to/deep")).unwrap().mode() & 0o777, 0o555);
    let link = fs::read_link(files.at("to/link")).unwrap();
    assert_eq!(link, Path::new("/etc/passwd"));
    assert_eq!(files.count("to/deep"), 1, "no temporary file is left");
    for name in ["from/deep", "to/deep"] {
        set_mode(&files.at(name), 0o755);
    }
}

/// A copy of a closed directory into `/tmp` closed `/tmp` for every other user.
#[test]
fn directory_that_exists_keeps_its_permissions() {
    let files = Files::new();
    fs::create_dir_all(files.at("from/deep")).unwrap();
    fs::create_dir_all(files.at("to/deep")).unwrap();
    for (name, mode) in [("from", 0o700), ("from/deep", 0o711), ("to/deep", 0o755)] {
        set_mode(&files.at(name), mode);
    }
    let mode = |name: &str| fs::metadata(files.at(name)).unwrap().mode() & 0o7777;
    for kept in [0o1777, 0o755, 0o555] {
        set_mode(&files.at("to"), kept);
        files.copy("from", "to").unwrap();
        assert_eq!((mode("to"), mode("to/deep")), (kept, 0o711));
    }
    set_mode(&files.at("to"), 0o755);
    files.copy("from", "new").unwrap();
    assert_eq!(mode("new"), 0o700);
}

#[test]
fn link_in_the_target_is_replaced_not_followed() {
    let files = Files::new();
    for name in ["from", "from/sub", "to", "elsewhere"] {
        fs::create_dir(files.at(name)).unwrap();
    }
    fs::write(files.at("from/sub/file"), "new").unwrap();
    fs::write(files.at("from/file"), "new").unwrap();
    fs::write(files.at("secret"), "old").unwrap();
    symlink(files.at("secret"), files.at("to/file")).unwrap();
    symlink(files.at("elsewhere"), files.at("to/sub")).unwrap();
    files.copy("from", "to").unwrap();
    assert_eq!(fs::read(files.at("secret")).unwrap(), b"old");
    assert_eq!(files.count("elsewhere"), 0);
    assert_eq!(fs::read(files.at("to/sub/file")).unwrap(), b"new");
}

/// A file was opened in place: that changed every hard link of it.
#[test]
fn hard_link_in_the_target_is_replaced() {
    let files = Files::new();
    fs::write(files.at("precious"), "old").unwrap();
    fs::write(files.at("from"), "new").unwrap();
    for write in [false, true] {
        fs::hard_link(files.at("precious"), files.at("to")).unwrap();
        match write {
            true => write_file(b"new", 0o644, &files.place("to")).unwrap(),
            false => files.copy("from", "to").unwrap(),
        }
        assert_eq!(fs::read(files.at("precious")).unwrap(), b"old");
        assert_eq!(fs::read(files.at("to")).unwrap(), b"new");
        fs::remove_file(files.at("to")).unwrap();
    }
}

/// Opening a pipe waited for a reader.
#[test]
fn pipe_is_replaced_inside_and_refused_on_the_host() {
    let files = Files::new();
    let make = || {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, files.at("pipe"), mode).unwrap();
    };
    make();
    write_file(b"new", 0o644, &files.place("pipe")).unwrap();
    assert_eq!(fs::read(files.at("pipe")).unwrap(), b"new");
    fs::remove_file(files.at("pipe")).unwrap();
    make();
    fs::write(files.at("from"), "new").unwrap();
    let (from, to) = (files.place("from"), files.place("pipe"));
    let refused = copy(&from, &to, Target::Host, &Stop::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("replace"), "{refused}");
    files.copy("from", "pipe").unwrap();
    assert_eq!(files.count(""), 2);
}

#[test]
fn invalid_copies_are_rejected() {
    let files = Files::new();
    let _socket = std::os::unix::net::UnixListener::bind(files.at("socket")).unwrap();
    let kind = |from: &str, to: &str| files.copy(from, to).unwrap_err().kind();
    assert_eq!(kind("socket", "x"), ErrorKind::InvalidInput);
    assert_eq!(kind("missing", "x"), ErrorKind::NotFound);
    fs::create_dir(files.at("directory")).unwrap();
    fs::write(files.at("file"), "x").unwrap();
    assert_eq!(kind("file", "directory"), ErrorKind::InvalidInput);
    assert_eq!(kind("directory", "file"), ErrorKind::InvalidInput);
}

#[test]
fn directory_is_copied_into_itself_once() {
    let files = Files::new();
    fs::create_dir(files.at("a")).unwrap();
    fs::write(files.at("a/file"), "x").unwrap();
    files.copy("a", "a/b").unwrap();
    assert_eq!((files.count("a"), files.count("a/b")), (2, 1));
}

#[test]
fn parents_are_created_but_not_the_top() {
    let files = Files::new();
    let top = files.0.path();
    Place::made_inside(top, &top.join("a/b/c")).unwrap();
    assert!(files.at("a/b").is_dir() && !files.at("a/b/c").exists());
    let gone = files.at("gone");
    assert!(Place::made_inside(&gone, &gone.join("a/b")).is_err());
    assert!(!gone.exists());
}

/// A command can replace a directory by a link after the path was checked.
#[test]
fn directory_that_became_a_link_is_not_followed() {
    let files = Files::new();
    fs::create_dir(files.at("elsewhere")).unwrap();
    symlink(files.at("elsewhere"), files.at("was-a-directory")).unwrap();
    let path = files.at("was-a-directory/x");
    for place in [
        Place::made_inside(files.0.path(), &path),
        Place::inside(files.0.path(), &path),
    ] {
        assert_eq!(place.unwrap_err().kind(), ErrorKind::Io);
    }
}

#[test]
fn cancelled_copy_stops_and_leaves_no_file() {
    let files = Files::new();
    fs::write(files.at("from"), "x").unwrap();
    let stop = Stop::default();
    drop(StopOnDrop(stop.clone()));
    let (from, to) = (files.place("from"), files.place("to"));
    assert!(copy(&from, &to, Target::Host, &stop).is_err());
    assert_eq!(files.count(""), 1);
}

#[test]
fn place_without_a_name_is_a_directory() {
    let files = Files::new();
    fs::create_dir_all(files.at("top/sub")).unwrap();
    let root = Place::on_host(Path::new("/")).unwrap();
    assert_eq!(root.kind().unwrap(), Some(Kind::Directory));
    let top = files.place("top/sub/..");
    assert_eq!(top.kind().unwrap(), Some(Kind::Directory));
    #[cfg(target_os = "linux")]
    assert_eq!(top.into_directory().unwrap().names().unwrap(), ["sub"]);
    let error = Place::on_host(&files.at("top/none/..")).err().unwrap();
    assert!(error.to_string().contains("cannot open the directory"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn place_that_is_no_directory_is_an_error() {
    let files = Files::new();
    fs::write(files.at("file"), "content").unwrap();
    let error = files.place("file").into_directory().unwrap_err().to_string();
    assert!(
        error.contains("cannot open the directory") && error.contains("file"),
        "{error}"
    );
    assert_eq!(files.place("file").read(4).unwrap().unwrap(), b"cont");
    assert_eq!(files.place(".").read(4).unwrap(), None);
}

/// The memory of a process begins where nothing is.
#[cfg(target_os = "linux")]
#[test]
fn failed_copy_of_a_file_leaves_no_part() {
    let files = Files::new();
    let memory = || Place::on_host(Path::new("/proc/self/mem")).unwrap();
    let error = memory().read(4).unwrap_err().to_string();
    assert!(error.contains("cannot read /proc/self/mem"), "{error}");
    let target = Target::Environment;
    copy(&memory(), &files.place("to"), target, &Stop::default()).unwrap_err();
    assert_eq!(files.count("."), 0);
}

#[test]
fn tree_that_is_too_deep_is_not_copied() {
    let files = Files::new();
    fs::create_dir_all(files.at("from").join("d/".repeat(DEEPEST + 1))).unwrap();
    let error = files.copy("from", "to").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("copy an archive of it"), "{error}");
}
