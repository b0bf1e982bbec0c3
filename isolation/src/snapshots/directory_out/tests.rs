//! Tests of files that are written from entries.

use std::os::unix::fs::MetadataExt;

use super::super::directory_in::described;
use super::super::entry::TreePath;
use super::*;

/// A file with its entry, and what a link to it at `path` gives that fails in this way.
fn linked(top: &Path, error: rustix::io::Errno) -> io::Result<bool> {
    let first = top.join("first");
    fs::write(&first, "content").unwrap();
    fs::set_permissions(&first, Permissions::from_mode(0o640)).unwrap();
    let meta = first.metadata().unwrap();
    let mut entry = described(&TreePath::root(), EntryKind::Pipe, &meta);
    entry.mtime = (1_000_000_000, 5);
    let link = |_: &Path, _: &Path| Err(error.into());
    another_name(&entry, &first, &top.join("second"), &Me::now(), link)
}

#[test]
fn name_is_a_copy_without_hard_links() {
    use rustix::io::Errno;
    for error in [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP] {
        let top = tempfile::tempdir().unwrap();
        assert!(!linked(top.path(), error).unwrap(), "{error}");
        let second = top.path().join("second");
        assert_eq!(fs::read_to_string(&second).unwrap(), "content");
        let meta = second.metadata().unwrap();
        let first = top.path().join("first").metadata().unwrap();
        assert_eq!((meta.mode(), meta.nlink()), (first.mode(), 1));
        assert_eq!((meta.mtime(), meta.mtime_nsec()), (1_000_000_000, 5));
    }
    let top = tempfile::tempdir().unwrap();
    let full = linked(top.path(), Errno::NOSPC).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert!(!top.path().join("second").exists());
}

#[test]
fn file_system_without_links_is_named() {
    use rustix::io::Errno;
    let error = not_created("symbolic links", Path::new("/card/l"), Errno::PERM.into());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("/card/l has no symbolic links"), "{text}");
    let full = not_created("symbolic links", Path::new("/card/l"), Errno::NOSPC.into());
    assert_ne!(full.kind(), ErrorKind::Unsupported, "{full}");
    let differing = |links| {
        Differing {
            links,
            ..Differing::default()
        }
        .about_links()
    };
    assert_eq!(differing(0), None);
    assert!(differing(2).unwrap().starts_with("2 names"));
}

#[test]
fn owner_without_a_number_here_is_an_error() {
    let me = |owners| Me {
        uid: 0,
        gid: 0,
        owners,
    };
    let entry = |uid| Entry {
        uid,
        ..Entry::directory(TreePath::root())
    };
    let (first, count) = (100_000, 65_536);
    let range = Owners::Range { first, count };
    assert_eq!(me(range).owner(&entry(3)).unwrap(), Some((first + 3, first)));
    let nobody = Owners::Same.outside(65_534).unwrap();
    assert_eq!(
        me(range).owner(&entry(count.into())).unwrap(),
        Some((first + nobody, first))
    );
    assert_eq!(me(Owners::Same).owner(&entry(0)).unwrap(), None);
    let error = me(Owners::Same).owner(&entry(1 << 40)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn names_that_are_copies_are_counted_for_people() {
    let of = |links| {
        let differing = Differing {
            links,
            ..Differing::default()
        };
        differing.about_links()
    };
    assert_eq!(of(0), None);
    let why = "because the file system has no hard links";
    assert_eq!(
        of(1).unwrap(),
        format!("one name of a file is a copy of it, {why}")
    );
    assert_eq!(
        of(2).unwrap(),
        format!("2 names of files are copies of them, {why}")
    );
}
