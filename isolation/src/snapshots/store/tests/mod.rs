//! The store: what it keeps, what it finds, what it removes.

mod crash;
mod cut;
mod exchange;
mod faults;
mod parts;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::environment::id::EnvironmentId;
use crate::files::copy::Stop;
use crate::snapshots::contents::PartKind;
use crate::snapshots::manifest::VERSION;
use crate::snapshots::part_reader::PartReader;
use crate::snapshots::part_writer::PartWriter;
use crate::snapshots::progress::{OnProgress, Reporter};
use crate::spec::EnvironmentSpec;

/// Bytes that do not repeat.
fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

fn manifest(name: &str, part: crate::snapshots::Part) -> Manifest {
    Manifest {
        version: VERSION,
        created: std::time::SystemTime::now(),
        name: Some(name.to_owned()),
        parent: None,
        engine: "basic".into(),
        engine_detail: String::new(),
        platform: String::new(),
        environment: EnvironmentId::random(),
        environment_name: "web".into(),
        source: "here".into(),
        location: None,
        spec: EnvironmentSpec::default(),
        withheld: Vec::new(),
        image: None,
        packages: BTreeMap::new(),
        parts: vec![part],
        left_out: Vec::new(),
    }
}

/// Saves a directory.
pub(in crate::snapshots) fn save(store: &SnapshotStore, name: &str, directory: &Path) -> Result<Snapshot> {
    save_with(store, name, directory, |_| ())
}

/// Saves a directory with a changed manifest.
fn save_with(
    store: &SnapshotStore,
    name: &str,
    directory: &Path,
    change: impl FnOnce(&mut Manifest),
) -> Result<Snapshot> {
    let progress = Reporter::new(&OnProgress::default(), "root".into());
    let stop = Stop::default();
    let mut part = PartWriter::new(store.writer()?, PartKind::Root, None, progress, true, &stop);
    part.add_directory(directory)?;
    let (writer, part, _) = part.finish()?;
    let mut manifest = manifest(name, part);
    change(&mut manifest);
    Ok(store.publish(writer, manifest)?.0)
}

#[test]
fn name_of_several_snapshots_is_no_reference() {
    let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    fs::write(directory.path().join("f"), "one").unwrap();
    let first = save(&store, "daily", directory.path()).unwrap();
    assert_eq!(store.find("daily").unwrap().id, first.id);
    let error = store.check_name("daily").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(&first.id.short()), "{error}");
    store.check_name("weekly").unwrap();
    let error = store.check_name(&first.id.to_string()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    // As an import does, which keeps the name.
    fs::write(directory.path().join("f"), "two").unwrap();
    let second = save(&store, "daily", directory.path()).unwrap();
    let error = store.find("daily").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let listed = format!("{}, {}", first.id.short(), second.id.short());
    assert!(error.to_string().contains(&listed), "{error}");
    assert_eq!(store.find(&second.id.to_string()).unwrap().id, second.id);
    store.remove(&first.id).unwrap();
    assert_eq!(store.find("daily").unwrap().id, second.id);
}

/// Restores a snapshot, and compares it with a directory.
fn restores(store: &SnapshotStore, snapshot: &Snapshot, original: &Path) -> Result<bool> {
    let target = tempfile::tempdir().unwrap();
    let session = Arc::new(store.session()?);
    let reader = PartReader::new(&session, &snapshot.manifest.parts[0], &OnProgress::default());
    reader.write_directory(target.path())?;
    Ok(described(target.path()) == described(original))
}

/// Everything that a restore must bring back, as text.
fn described(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut names: BTreeMap<u64, PathBuf> = BTreeMap::new();
    walk(directory, directory, &mut names, &mut found);
    found
}

fn walk(top: &Path, path: &Path, names: &mut BTreeMap<u64, PathBuf>, found: &mut Vec<String>) {
    let meta = path.symlink_metadata().unwrap();
    let relative = path.strip_prefix(top).unwrap();
    let content = if meta.is_symlink() {
        format!("{:?}", fs::read_link(path).unwrap())
    } else if meta.is_file() {
        let first = names.entry(meta.ino()).or_insert_with(|| relative.to_owned());
        format!("{first:?} {}", Digest::of(&fs::read(path).unwrap()))
    } else {
        String::new()
    };
    found.push(format!(
        "{relative:?} {:o} {}:{} {}.{} {content}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec()
    ));
    if meta.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| walk(top, entry, names, found));
    }
}

/// A directory with every kind of file.
fn sample() -> tempfile::TempDir {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir_all(at("a/deep/er")).unwrap();
    fs::write(at("a/large"), noise(700_000, 1)).unwrap();
    fs::write(at("a/same"), noise(700_000, 1)).unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("zeros"), vec![0; 300_000]).unwrap();
    fs::hard_link(at("a/large"), at("a/deep/name")).unwrap();
    symlink("/no/such/target", at("a/link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"odd \xff\n name");
    fs::write(directory.path().join(odd), "odd").unwrap();
    fs::set_permissions(at("a/same"), fs::Permissions::from_mode(0o4755)).unwrap();
    let old = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(7, 89));
    File::options()
        .write(true)
        .open(at("empty"))
        .unwrap()
        .set_times(old)
        .unwrap();
    fs::set_permissions(at("a/deep/er"), fs::Permissions::from_mode(0o500)).unwrap();
    directory
}

fn open(path: &Path) -> SnapshotStore {
    SnapshotStore::open(Some(path)).unwrap()
}

#[test]
fn directory_is_restored_as_it_was() {
    let (home, files) = (tempfile::tempdir().unwrap(), sample());
    let store = open(home.path());
    let snapshot = save(&store, "one", files.path()).unwrap();
    assert!(restores(&store, &snapshot, files.path()).unwrap());
    assert_eq!(store.find("one").unwrap(), snapshot);
    assert_eq!(store.find(&snapshot.id.short()).unwrap().id, snapshot.id);
    // The equal files and the name are stored once, and zeros need no space.
    let usage = store.usage().unwrap();
    assert!(usage.bytes < 800_000 && usage.files > 1_700_000, "{usage:?}");
    store.verify(&snapshot).unwrap();
    assert_eq!(store.find("two").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn change_in_a_large_file_stores_the_change() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, path) = (open(home.path()), files.path().join("large"));
    let mut content = noise(8 << 20, 7);
    fs::write(&path, &content).unwrap();
    save(&store, "before", files.path()).unwrap();
    let before = store.usage().unwrap().bytes;
    // In the middle, and of another length, so that what follows moves.
    content.splice(3 << 20..(3 << 20) + 10, noise(50_000, 8));
    fs::write(&path, &content).unwrap();
    let after = save(&store, "after", files.path()).unwrap();
    let added = store.usage().unwrap().bytes - before;
    assert!(added < 500_000, "{added} bytes for a change of 50,000");
    assert!(restores(&store, &after, files.path()).unwrap());
}

#[test]
fn snapshot_in_the_middle_can_be_removed() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(home.path());
    let mut saved = Vec::new();
    for number in 0..3 {
        let copy = tempfile::tempdir().unwrap();
        for file in 0..=number {
            fs::write(copy.path().join(format!("f{file}")), noise(90_000, file)).unwrap();
        }
        if number == 1 {
            fs::write(copy.path().join("only"), noise(500_000, 77)).unwrap();
        }
        saved.push((save(&store, "s", copy.path()).unwrap(), copy));
    }
    fs::write(files.path().join("x"), "x").unwrap();
    let full = store.usage().unwrap().bytes;
    store.remove(&saved[1].0.id).unwrap();
    assert_eq!(
        store.remove(&saved[1].0.id).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let collected = store.gc().unwrap();
    assert!(
        collected.freed > 400_000 && collected.rewritten > 0,
        "{collected:?}"
    );
    assert!(store.usage().unwrap().bytes + 400_000 < full);
    for (snapshot, copy) in [&saved[0], &saved[2]] {
        assert!(restores(&store, snapshot, copy.path()).unwrap());
    }
    assert_eq!(
        store.gc().unwrap(),
        Collected::default(),
        "a second one finds nothing"
    );
}

#[test]
fn damaged_snapshot_stops_the_collection() {
    let (home, files) = (tempfile::tempdir().unwrap(), sample());
    let store = open(home.path());
    let (good, bad) = (
        save(&store, "good", files.path()).unwrap(),
        save(&store, "bad", files.path()).unwrap(),
    );
    fs::write(store.manifest_path(&bad.id), "{").unwrap();
    let error = store.gc().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("isolate snapshot rm"), "{error}");
    assert!(restores(&store, &good, files.path()).unwrap());
    assert_eq!(store.list().unwrap().damaged.len(), 1);
    store.remove(&store.id_of(&bad.id.to_string()).unwrap()).unwrap();
    store.gc().unwrap();
    assert!(restores(&store, &good, files.path()).unwrap());
}

#[test]
fn damage_in_an_archive_is_found() {
    let (home, other, files) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        sample(),
    );
    let (here, there) = (open(home.path()), open(other.path()));
    let snapshot = save(&here, "one", files.path()).unwrap();
    let mut archive = Vec::new();
    here.export(&snapshot, &mut archive).unwrap();
    for at in (0..archive.len()).step_by(archive.len() / 60) {
        let mut damaged = archive.clone();
        damaged[at] ^= 0x41;
        // A byte between two entries means nothing.
        if let Ok(imported) = there.import(&damaged[..]) {
            assert!(restores(&there, &imported, files.path()).unwrap());
            there.remove(&imported.id).unwrap();
        }
        // The zeros at the end are not needed.
        let cut = there.import(&archive[..at]);
        assert_eq!(cut.is_err(), at + 1024 < archive.len(), "cut at {at}");
        if let Ok(imported) = cut {
            assert!(restores(&there, &imported, files.path()).unwrap());
            there.remove(&imported.id).unwrap();
        }
    }
    assert!(there.list().unwrap().snapshots.is_empty());
    let imported = there.import(&archive[..]).unwrap();
    assert!(imported.imported && !snapshot.imported);
    assert!(there.find("one").unwrap().imported);
    assert_eq!(imported.manifest, snapshot.manifest);
    // One that was made here stays one.
    assert!(!here.import(&archive[..]).unwrap().imported);
    assert!(restores(&there, &snapshot, files.path()).unwrap());
    let path = other.path().join("file");
    here.export_to(&snapshot, &path).unwrap();
    assert_eq!(
        here.export_to(&snapshot, &path).unwrap_err().kind(),
        ErrorKind::Conflict
    );
}

/// The words of the reader had the text of the other file in them.
#[test]
fn file_that_is_no_archive_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let refused = |content: &[u8]| {
        let error = store.import(content).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        format!("{error:#}")
    };
    let secret = "root:hunter2:0:0\n".repeat(60);
    let mut image = tar::Builder::new(Vec::new());
    let list = br#"[{"Config": "x", "Layers": []}]"#;
    let mut header = tar::Header::new_gnu();
    header.set_size(list.len() as u64);
    image
        .append_data(&mut header, "manifest.json", &list[..])
        .unwrap();
    let image = image.into_inner().unwrap();
    for content in [&b""[..], secret.as_bytes(), &[7; 2000], &image] {
        let text = refused(content);
        assert!(text.contains("no archive of a snapshot"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let error = store.import(File::open(home.path()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");

    let files = sample();
    let snapshot = save(&store, "one", files.path()).unwrap();
    let mut archive = Vec::new();
    store.export(&snapshot, &mut archive).unwrap();
    let text = refused(&archive[..archive.len() / 2]);
    assert!(text.contains("ends too early"), "{text}");
    let mut full = [0; 4000];
    let error = store.export(&snapshot, &mut full[..]).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
}

#[test]
fn collection_waits_for_those_who_read() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let session = store.session().unwrap();
    let other = store.clone();
    let collecting = std::thread::spawn(move || other.gc());
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!collecting.is_finished());
    // Others can read and add meanwhile.
    drop(store.session().unwrap());
    drop(session);
    collecting.join().unwrap().unwrap();
}

/// The equal chunk of a new snapshot was not written, and the new snapshot was damaged from the
/// beginning.
#[test]
fn damaged_chunk_is_written_again() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("noise"), noise(400_000, 3)).unwrap();
    let store = open(home.path());
    let first = save(&store, "first", files.path()).unwrap();
    let pack = fs::read_dir(store.packs())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut content = fs::read(&pack).unwrap();
    content[100_000] ^= 1;
    fs::write(&pack, &content).unwrap();
    assert_eq!(store.verify(&first).unwrap_err().kind(), ErrorKind::Corrupt);
    let second = save(&store, "second", files.path()).unwrap();
    for _ in 0..2 {
        assert!(restores(&store, &second, files.path()).unwrap());
        // It has the same chunks, so it is whole again.
        store.verify(&first).unwrap();
        store.gc().unwrap();
    }
}
