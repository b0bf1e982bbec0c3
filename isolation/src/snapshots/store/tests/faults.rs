//! Stores, manifests, lists and packs that are not as they must be.

use std::os::unix::fs::{FileExt, PermissionsExt};

use super::*;
use crate::snapshots::Part;
use crate::snapshots::tree::ListLimits;

fn one(content: &[u8]) -> (tempfile::TempDir, tempfile::TempDir, SnapshotStore, Snapshot) {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("file"), content).unwrap();
    let store = open(home.path());
    let snapshot = save(&store, "one", files.path()).unwrap();
    (home, files, store, snapshot)
}

/// Writes a manifest whose text fits its name.
fn write_manifest(store: &SnapshotStore, text: &str) -> Digest {
    let id = Digest::of(text.as_bytes());
    fs::write(store.manifest_path(&id), text).unwrap();
    id
}

/// Changes a byte of a chunk; returns its pack.
fn damage(store: &SnapshotStore, chunk: &Digest) -> PathBuf {
    let session = store.session().unwrap();
    let (number, location) = session.index[chunk];
    let path = session.packs[number].clone();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, location.offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], location.offset).unwrap();
    path
}

#[test]
fn directory_of_a_store_is_named_or_usual() {
    let of = |named: Option<&str>, variables: &[(&str, &str)]| {
        place(named.map(Path::new), |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    };
    let usual = [("XDG_DATA_HOME", "/data"), ("HOME", "/home/me")];
    let all = [&[(VARIABLE, "/variable")], &usual[..]].concat();
    for (named, variables, expected) in [
        (Some("/named"), &all[..], "/named"),
        (None, &all, "/variable"),
        (None, &usual, "/data/isolate/snapshots"),
        (None, &usual[1..], "/home/me/.local/share/isolate/snapshots"),
        (
            None,
            &[("XDG_DATA_HOME", "relative"), ("HOME", "/h"), (VARIABLE, "")],
            "/h/.local/share/isolate/snapshots",
        ),
    ] {
        assert_eq!(
            of(named, variables).unwrap(),
            Path::new(expected),
            "{variables:?}"
        );
    }
    let error = of(None, &[("HOME", "")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("ISOLATE_SNAPSHOT_STORE nor HOME"),
        "{error}"
    );
}

#[test]
fn directory_that_others_can_change_is_no_store() {
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = SnapshotStore::open(Some(home.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(text.starts_with("cannot open the snapshot store: "), "{text}");
    assert!(text.contains("only this user may write"), "{text}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn manifest_that_is_none_is_reported() {
    let (_home, _files, store, snapshot) = one(b"content");
    let absent = store.manifest_text(&Digest::of(b"absent")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    let id = Digest::of(b"directory");
    fs::create_dir(store.manifest_path(&id)).unwrap();
    assert_eq!(store.manifest_text(&id).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.remove(&id).unwrap_err().kind(), ErrorKind::Io);
    fs::remove_dir(store.manifest_path(&id)).unwrap();
    // The text has the digest of its name, but is not a valid manifest.
    let empty = write_manifest(&store, "{}");
    let error = store.find(&empty.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("remove the snapshot"), "{error}");
    store.remove(&empty).unwrap();
    let text = String::from_utf8(store.manifest_text(&snapshot.id).unwrap()).unwrap();
    let newer = write_manifest(&store, &text.replacen("\"version\": 1", "\"version\": 99", 1));
    let error = store.find(&newer.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("version 99 of the format"), "{error}");
    // Its chunks cannot be known, so nothing is removed.
    let error = store.gc().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("are not known"), "{error}");
}

#[test]
fn beginning_of_several_ids_is_no_reference() {
    let (_home, files, store, _) = one(b"content");
    let mut ids = Vec::new();
    // Among 17 IDs, two begin with the same digit.
    for number in 0..17_u8 {
        fs::write(files.path().join("file"), [number]).unwrap();
        ids.push(save(&store, "same", files.path()).unwrap().id.to_string());
    }
    let starts = |digit: &str| ids.iter().filter(|id| id.starts_with(digit)).count();
    let digit = ids
        .iter()
        .map(|id| &id[..1])
        .find(|digit| starts(digit) > 1)
        .unwrap();
    let error = store.id_of(digit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("write more of the ID"), "{error}");
}

#[test]
fn list_that_cannot_be_read_stops_the_collection() {
    let (_home, files, store, snapshot) = one(b"content");
    damage(&store, &snapshot.manifest.parts[0].tree[0]);
    let error = store.gc().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("its chunks are not known"), "{error}");
    assert!(error.to_string().contains(&snapshot.id.short()), "{error}");
    store.remove(&snapshot.id).unwrap();
    store.gc().unwrap();
    save(&store, "two", files.path()).unwrap();
}

#[test]
fn pack_with_a_damaged_chunk_is_left() {
    let (_home, files, store, both) = one(&noise(300_000, 5));
    fs::write(files.path().join("large"), noise(900_000, 6)).unwrap();
    let mixed = save(&store, "mixed", files.path()).unwrap();
    store.remove(&both.id).unwrap();
    store.gc().unwrap();
    // The pack of the mixed one has chunks of the next snapshot, and the large file.
    let large = noise(900_000, 6);
    fs::write(files.path().join("file"), &large[..400_000]).unwrap();
    fs::remove_file(files.path().join("large")).unwrap();
    let kept = save(&store, "kept", files.path()).unwrap();
    let session = store.session().unwrap();
    let entries = kept.manifest.parts[0].entries(&session).unwrap();
    let chunk = entries
        .iter()
        .find_map(|entry| entry.chunks().first().copied())
        .unwrap();
    drop(session);
    let pack = damage(&store, &chunk);
    store.remove(&mixed.id).unwrap();
    let collected = store.gc().unwrap();
    assert!(collected.damaged.contains(&pack), "{collected:?}");
    assert!(pack.exists());
    assert_eq!(store.verify(&kept).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn chunk_that_no_pack_has_is_named() {
    let (_home, _files, store, _) = one(b"content");
    let session = store.session().unwrap();
    let absent = Digest::of(b"absent");
    let error = session.chunk(&absent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    let expected = format!("the chunk {} is missing; import the snapshot", absent.short());
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn more_packs_are_read_than_are_open_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut chunks = Vec::new();
    for seed in 0..40 {
        let mut writer = store.writer().unwrap();
        let content = noise(100, seed);
        chunks.push((writer.content(&content[..], &[]).unwrap().1[0], content));
        writer.finish().unwrap();
    }
    let session = store.session().unwrap();
    assert_eq!(session.packs.len(), 40);
    for _ in 0..2 {
        for (digest, content) in &chunks {
            assert_eq!(session.chunk(digest).unwrap(), *content);
        }
    }
}

#[test]
fn list_that_is_none_or_too_long_is_damaged() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut writer = store.writer().unwrap();
    let (_, tree) = writer.content(&b"{}\n"[..], &[]).unwrap();
    writer.finish().unwrap();
    let session = store.session().unwrap();
    let part = Part {
        name: "root".into(),
        kind: PartKind::Root,
        entries: 1,
        bytes: 0,
        tree,
    };
    let error = part.entries(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .contains("the list of the files of root is damaged"),
        "{error}"
    );
    for (whole, entry, words) in [
        (3, 3, "root is damaged"),
        (2, 2, "of root is too long"),
        (2, 9, "of root is too long"),
        (9, 2, "of root has an entry that is too long"),
    ] {
        let limits = ListLimits { whole, entry };
        let error = part.entries_within(&session, limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(words), "{error}");
    }
    let empty = Part {
        tree: Vec::new(),
        ..part
    };
    let error = empty.entries(&session).unwrap_err();
    assert!(error.to_string().contains("has no root"), "{error}");
}

#[test]
fn manifest_that_is_too_large_is_not_published() {
    let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let saved = save_with(&store, "one", directory.path(), |manifest| {
        let size = usize::try_from(SnapshotStore::LARGEST_MANIFEST).unwrap();
        manifest.engine_detail = "x".repeat(size);
    });
    let error = saved.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("too many parts"), "{error}");
    assert!(store.list().unwrap().snapshots.is_empty());
}

/// One line without an end is not read as a whole. Blanks mean nothing in it.
#[test]
fn entry_that_repeats_a_chunk_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let mut writer = store.writer().unwrap();
    let (_, blank) = writer.content(&[b' '; 1 << 20][..], &[]).unwrap();
    writer.finish().unwrap();
    let session = store.session().unwrap();
    let part = Part {
        name: "root".into(),
        kind: PartKind::Root,
        entries: 1,
        bytes: 0,
        tree: blank.into_iter().cycle().take(1_000_000).collect(),
    };
    let limits = ListLimits {
        entry: 4 << 20,
        ..ListLimits::USUAL
    };
    let error = part.entries_within(&session, limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("an entry that is too long"), "{error}");
}

/// A list of a thousand million bytes is not read if one chunk is repeated in it.
#[test]
fn list_that_repeats_a_chunk_is_refused_at_once() {
    let (_home, _files, store, snapshot) = one(b"content");
    let session = store.session().unwrap();
    let mut part = snapshot.manifest.parts[0].clone();
    part.tree = vec![part.tree[0]; 1_000_000];
    let error = part.entries(&session).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("is not in order"), "{error}");
}

/// A user that could write there could add a snapshot that is not marked as foreign.
#[test]
fn store_with_a_part_of_others_is_refused() {
    let (home, _files, store, _) = one(b"content");
    let elsewhere = tempfile::tempdir().unwrap();
    for directory in [store.packs(), store.snapshots(), store.temporary()] {
        let refused = |why: &str| {
            let error = SnapshotStore::open(Some(home.path())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{why}");
            let name = directory.display().to_string();
            assert!(error.to_string().contains(&name), "{why}: {error}");
        };
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o722)).unwrap();
        refused("others may write");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        let moved = elsewhere.path().join("moved");
        fs::rename(&directory, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &directory).unwrap();
        refused("a link");
        fs::remove_file(&directory).unwrap();
        fs::rename(&moved, &directory).unwrap();
    }
    SnapshotStore::open(Some(home.path())).unwrap();
    // The lock would be created elsewhere.
    fs::remove_file(home.path().join("lock")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("made"), home.path().join("lock")).unwrap();
    let error = store.session().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// A pipe was waited for without end.
#[test]
fn links_and_pipes_are_no_files_of_a_store() {
    let (_home, files, store, snapshot) = one(b"content");
    let elsewhere = tempfile::tempdir().unwrap();
    let manifest = store.manifest_path(&snapshot.id);
    let pack = fs::read_dir(store.packs())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for path in [&manifest, &pack] {
        let moved = elsewhere.path().join("moved");
        fs::rename(path, &moved).unwrap();
        let link = || std::os::unix::fs::symlink(&moved, path).unwrap();
        let pipe = || {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        };
        for make in [&link as &dyn Fn(), &pipe] {
            make();
            let read = store
                .find(&snapshot.id.to_string())
                .and_then(|found| store.verify(&found));
            let error = read.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("is no file"), "{error}");
            fs::remove_file(path).unwrap();
        }
        fs::rename(&moved, path).unwrap();
    }
    assert!(restores(&store, &snapshot, files.path()).unwrap());
}

#[test]
fn sizes_of_a_foreign_manifest_do_not_overflow() {
    let (_home, _files, store, snapshot) = one(b"content");
    let mut manifest = snapshot.manifest;
    manifest.parts[0].bytes = u64::MAX;
    manifest.parts.push(manifest.parts[0].clone());
    assert_eq!(manifest.size(), u64::MAX);
    let text = serde_json::to_string(&manifest).unwrap();
    write_manifest(&store, &text);
    assert_eq!(store.usage().unwrap().files, u64::MAX);
}
