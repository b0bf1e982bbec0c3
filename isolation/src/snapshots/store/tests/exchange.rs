//! Snapshots as archives and images.

use serde_json::json;

use super::parts::{path, writer};
use super::*;
use crate::snapshots::{Entry, EntryKind};

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

fn exported() -> (SnapshotStore, [tempfile::TempDir; 2], Vec<u8>) {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("noise"), noise(1000, 1)).unwrap();
    fs::write(files.path().join("plain"), "plain ".repeat(1000)).unwrap();
    let store = open(home.path());
    let snapshot = save(&store, "one", files.path()).unwrap();
    let mut archive = Vec::new();
    store.export(&snapshot, &mut archive).unwrap();
    (store, [home, files], archive)
}

/// The names and contents of an archive.
fn contents(archive: &[u8]) -> Files {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

fn archive(contents: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in contents {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn archive_that_lacks_a_part_is_refused() {
    let (_store, _directories, whole) = exported();
    let other = tempfile::tempdir().unwrap();
    let there = open(other.path());
    let refused = |change: &dyn Fn(&mut Files)| {
        let mut parts = contents(&whole);
        change(&mut parts);
        let error = there.import(&archive(&parts)[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        error.to_string()
    };
    let text = refused(&|parts| drop(parts.pop()));
    assert!(
        text.contains("the chunk ") && text.contains(" is missing"),
        "{text}"
    );
    let text = refused(&|parts| parts[0].1 = b"{}".to_vec());
    assert!(text.contains("missing field"), "{text}");
    let large = |parts: &mut Files| {
        let compressed = parts.iter_mut().find(|(name, _)| name.ends_with(".lz4"));
        compressed.unwrap().1[..4].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    };
    let text = refused(&large);
    assert!(text.contains("a chunk is too large"), "{text}");
    assert!(there.list().unwrap().snapshots.is_empty());
    // The checksum of the header after the manifest.
    let mut reader = tar::Archive::new(&whole[..]);
    let second = reader
        .entries()
        .unwrap()
        .nth(1)
        .unwrap()
        .unwrap()
        .raw_header_position();
    let mut damaged = whole.clone();
    damaged[usize::try_from(second).unwrap() + 148] = b'x';
    let error = there.import(&damaged[..]).unwrap_err();
    assert!(error.to_string().contains("a header is not valid"), "{error}");
    let text = refused(&|parts| parts.push(parts[0].clone()));
    assert!(text.contains("is in it twice"), "{text}");
    let text = refused(&|parts| parts.push(("chunks/x".into(), b"x".to_vec())));
    assert!(text.contains("has no digest as its name"), "{text}");
    let size = usize::try_from(SnapshotStore::LARGEST_MANIFEST).unwrap();
    let text = refused(&|parts| parts[0].1 = vec![b' '; size + 1]);
    assert!(text.contains("is too long"), "{text}");
    let change = |parts: &mut Files, change: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = serde_json::from_slice(&parts[0].1).unwrap();
        change(&mut manifest);
        parts[0].1 = serde_json::to_vec(&manifest).unwrap();
    };
    for field in ["bytes", "entries"] {
        let text = refused(&|parts| change(parts, &|manifest| manifest["parts"][0][field] = json!(1)));
        assert!(text.contains("the part root has another size"), "{text}");
    }
    // A list with an entry of another size.
    let text = refused(&|parts| {
        let is_list = |content: &[u8]| content.starts_with(b"{\"path\":\"\"");
        let list = parts.iter().find_map(|(name, content)| {
            let content = match name.ends_with(".lz4") {
                true => lz4_flex::block::decompress_size_prepended(content).unwrap(),
                false => content.clone(),
            };
            is_list(&content).then_some(content)
        });
        let list = String::from_utf8(list.unwrap()).unwrap();
        let list = list.replace("\"size\":6000", "\"size\":6001").into_bytes();
        let digest = Digest::of(&list);
        change(parts, &|manifest| manifest["parts"][0]["tree"] = json!([digest]));
        parts.push((format!("chunks/{digest}"), list));
    });
    assert!(text.contains("has 6000 bytes instead of 6001"), "{text}");
    // Another file does not matter.
    let mut parts = contents(&whole);
    parts.insert(0, ("README".into(), b"from a friend".to_vec()));
    there.import(&archive(&parts)[..]).unwrap();
}

/// A name of any length was read into memory, and one that leads out was left out silently.
#[test]
fn archive_with_traps_is_refused() {
    let (_store, _directories, whole) = exported();
    let other = tempfile::tempdir().unwrap();
    let there = open(other.path());
    let raw = |kind: tar::EntryType, name: &[u8], size: u64| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let files = whole.len() - 1024;
    let at_the_end = |block: Vec<u8>| [&whole[..files], &block, &vec![0; 4096]].concat();
    let traps = [
        raw(tar::EntryType::GNULongName, b"x", 1 << 40),
        raw(tar::EntryType::XHeader, b"x", 1 << 40),
        raw(tar::EntryType::Regular, b"chunks/a", 1 << 40),
        raw(tar::EntryType::Regular, b"chunks/a", u64::MAX),
        raw(tar::EntryType::Regular, b"chunks/../../a", 0),
        raw(tar::EntryType::Regular, b"/manifest.json", 0),
        raw(tar::EntryType::GNUSparse, b"chunks/a", 0),
    ];
    for trap in traps {
        let error = there.import(&at_the_end(trap)[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("the archive"), "{error}");
    }
    assert!(there.list().unwrap().snapshots.is_empty());
    there.import(&at_the_end(Vec::new())[..]).unwrap();
}

#[test]
fn only_a_snapshot_of_an_image_becomes_one() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("file"), "content").unwrap();
    let store = open(home.path());
    let plain = save(&store, "plain", files.path()).unwrap();
    let error = store.export_image(&plain, "mine:1", io::sink()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("the engine basic has no image"),
        "{error}"
    );
    let image = save_with(&store, "image", files.path(), |manifest| {
        manifest.image = Some(json!({"Cmd": ["sh"]}));
        manifest.platform = "linux/arm64".into();
    });
    let image = image.unwrap();
    for name in ["Mine", "", "mine@sha256:00"] {
        let error = store.export_image(&image, name, io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("does not name an image"), "{error}");
    }
    let mut whole = Vec::new();
    store.export_image(&image, "mine:1", &mut whole).unwrap();
    for room in [0, 600, whole.len() - 1] {
        let mut full = vec![0; room];
        let error = store.export_image(&image, "mine:1", &mut full[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("cannot be written"), "{error}");
    }
    let path = home.path().join("image.tar");
    store.export_image_to(&image, "mine:1", &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
    let error = store.export_image_to(&image, "mine:1", &path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let found = contents(&whole);
    let (_, index) = found.iter().find(|(name, _)| name == "index.json").unwrap();
    let index: serde_json::Value = serde_json::from_slice(index).unwrap();
    assert_eq!(index["manifests"][0]["platform"]["architecture"], "arm64");
    // Each file has the digest of its name.
    for (name, content) in found.iter().filter(|(name, _)| name.starts_with("blobs/")) {
        assert!(name.ends_with(&Digest::of(content).to_string()), "{name}");
    }
}

#[test]
fn names_and_numbers_without_room_survive_an_archive() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let entry = |text: &str, kind| Entry {
        kind,
        mtime: (7, 89),
        ..Entry::directory(path(text))
    };
    let long = "directory/".repeat(15);
    let file = format!("{long}file");
    let mut part = writer(&store);
    let mut top = entry("", EntryKind::Directory);
    top.xattrs = [
        ("user.note".into(), b"\xff=".into()),
        (b"user.\xff".into(), b"".into()),
    ]
    .into();
    (top.uid, top.gid) = (3_000_000, 1 << 33);
    part.add(top).unwrap();
    part.add_file(entry(&file, EntryKind::Pipe), &b"content"[..])
        .unwrap();
    for (name, kind) in [
        ("\u{e9}", EntryKind::Pipe),
        (
            "link",
            EntryKind::Link {
                target: "t".repeat(150).into(),
            },
        ),
        (
            "short",
            EntryKind::Link {
                target: "\u{e9}".into(),
            },
        ),
        ("name", EntryKind::HardLink { target: path(&file) }),
        ("terminal", EntryKind::CharDevice { major: 5, minor: 1 }),
        ("disk", EntryKind::BlockDevice { major: 8, minor: 16 }),
    ] {
        part.add(entry(name, kind)).unwrap();
    }
    let (writer_of_part, part, _) = part.finish().unwrap();
    let session = Arc::new(writer_of_part.into_session().unwrap());
    let reader = PartReader::new(&session, &part, &OnProgress::default());
    assert_eq!(reader.part(), &part);
    let mut archive = Vec::new();
    reader.write_archive(&mut archive, |_| true).unwrap();
    let mut again = writer(&store);
    again.add_archive(&archive[..], |_| false).unwrap();
    let (_, copy, _) = again.finish().unwrap();
    assert_eq!(copy.tree, part.tree, "the list depends on the files alone");
    // Below a directory, with the times that an engine can set.
    let mut below = Vec::new();
    reader
        .write_archive_below(&path("top"), true, &mut below)
        .unwrap();
    let mut found = tar::Archive::new(&below[..]);
    let times = found.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert!(entry.path_bytes().starts_with(b"top"), "{:?}", entry.path_bytes());
        let records = entry.pax_extensions().unwrap().into_iter().flatten();
        records
            .filter(|record| record.as_ref().unwrap().key() == Ok("mtime"))
            .count()
    });
    assert_eq!(times.sum::<usize>(), 0);
}

/// A source that is interrupted before each piece, or fails after the first ones.
struct Interrupted<'a> {
    rest: &'a [u8],
    is_next: bool,
    fails_at: usize,
}

impl Read for Interrupted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.len() <= self.fails_at {
            return Err(io::Error::other("the connection is lost"));
        }
        self.is_next = !self.is_next;
        if self.is_next {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let some = buffer.len().min(100);
        self.rest.read(&mut buffer[..some])
    }
}

#[test]
fn source_that_is_interrupted_is_read_on() {
    let (_store, _directories, whole) = exported();
    let other = tempfile::tempdir().unwrap();
    let there = open(other.path());
    let import = |fails_at| {
        there.import(Interrupted {
            rest: &whole,
            is_next: false,
            fails_at,
        })
    };
    let error = import(whole.len() / 2).unwrap_err();
    assert!(
        format!("{error:?}").contains("the connection is lost"),
        "{error:?}"
    );
    assert!(there.list().unwrap().snapshots.is_empty());
    // After the two empty blocks at the end, nothing is read.
    let imported = import(0).unwrap();
    assert_eq!(there.list().unwrap().snapshots[0].id, imported.id);
}

#[test]
fn store_that_cannot_be_read_is_an_error() {
    let (store, [home, _files], whole) = exported();
    let snapshot = store.list().unwrap().snapshots.pop().unwrap();
    let snapshots = home.path().join("snapshots");
    fs::remove_dir_all(&snapshots).unwrap();
    fs::write(&snapshots, "in the way").unwrap();
    for error in [
        store.export(&snapshot, io::sink()).map(drop).unwrap_err(),
        store.import(&whole[..]).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let text = format!("{error:?}");
        assert!(
            text.contains("read") && text.contains(&snapshot.id.to_string()),
            "{text}"
        );
    }
}
