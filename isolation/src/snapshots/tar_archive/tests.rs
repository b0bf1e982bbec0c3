//! Extended headers.

use super::*;
use crate::snapshots::archive_entries::read_time;
use crate::snapshots::{SnapshotStore, testing};

#[test]
fn times_are_written_and_read() {
    for (seconds, nanos, text) in [
        (0, 0, "0"),
        (1_700_000_000, 250_000_000, "1700000000.250000000"),
        (-1, 500_000_000, "-0.500000000"),
        (-3, 250_000_000, "-2.750000000"),
        (-3, 0, "-3"),
    ] {
        assert_eq!(written_time(seconds, nanos), text);
        assert_eq!(read_time(text), Some((seconds, nanos)), "{text}");
    }
}

#[test]
fn length_of_a_record_counts_itself() {
    for size in [1, 5, 86, 87, 88, 89, 90, 985, 986, 987, 990, 9983, 9984, 9985] {
        let mut text = Vec::new();
        record(&mut text, b"path", &vec![b'x'; size]);
        let length: usize = String::from_utf8_lossy(&text)
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(length, text.len(), "{size}");
    }
}

#[test]
fn size_without_room_is_in_the_extended_header() {
    let path = TreePath::normal(b"file").unwrap();
    let text = |size| {
        let chunks = Vec::new();
        let kind = EntryKind::File { size, chunks };
        let entry = Entry {
            kind,
            ..Entry::directory(path.clone())
        };
        String::from_utf8(extensions(&entry)).unwrap()
    };
    assert_eq!(text((1 << 33) - 1), "");
    assert_eq!(text(1 << 33), "19 size=8589934592\n");
}

#[test]
fn attribute_with_an_equals_sign_is_refused() {
    let marked = |name: &str| Entry {
        xattrs: [(name.into(), b"x=y".into())].into(),
        ..Entry::directory(TreePath::normal(b"file").unwrap())
    };
    check_attributes(&marked("user.a")).unwrap();
    let error = check_attributes(&marked("user.a=b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("\"user.a=b\""), "{error}");
}

/// An archive of one entry.
fn archive(kind: EntryType, name: &str) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(0);
    header.set_mode(0o755);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

#[test]
fn entry_without_a_file_is_read_over() {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    let mut part = testing::part(&store);
    let at = TreePath::normal(b"here").unwrap();
    // The name of a volume, in an archive of several.
    let volume = archive(EntryType::new(b'V'), "here");
    part.add_archive_below(volume.as_slice(), &at, b"here", |_| false)
        .unwrap();
    assert!(!part.add_first_below(volume.as_slice(), &at, b"here").unwrap());
    let file = archive(EntryType::Regular, "here");
    assert!(!part.add_first_below(file.as_slice(), &at, b"here").unwrap());
    assert!(!part.add_first_below([0; 1024].as_slice(), &at, b"here").unwrap());
    assert_eq!(part.entries().len(), 0);
    let found = archive(EntryType::Directory, "here/");
    assert!(part.add_first_below(found.as_slice(), &at, b"here").unwrap());
    assert_eq!(part.entries().keys().collect::<Vec<_>>(), [&at]);
}
