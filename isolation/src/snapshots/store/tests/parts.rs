//! Parts: what is added to them, read from them and put elsewhere.

use super::*;
use crate::files::copy::Place;
use crate::packages::Package;
use crate::snapshots::tree::ListLimits;
use crate::snapshots::{
    Change, Entry, EntryKind, LeftOut, Owners, Part, TreePath, begin_carried, complete_carried, put,
};

pub(super) fn path(text: &str) -> TreePath {
    TreePath::normal(text.as_bytes()).unwrap()
}

pub(super) fn writer(store: &SnapshotStore) -> PartWriter {
    let progress = Reporter::new(&OnProgress::default(), "root".into());
    let stop = Stop::default();
    PartWriter::new(
        store.writer().unwrap(),
        PartKind::Root,
        None,
        progress,
        true,
        &stop,
    )
}

/// The part of a directory, in a store of its own.
fn part_of(directory: &Path) -> (tempfile::TempDir, PartReader) {
    let home = tempfile::tempdir().unwrap();
    let mut part = begin_carried(home.path(), &Stop::default()).unwrap();
    part.add_directory(directory).unwrap();
    (home, complete_carried(part).unwrap().0)
}

#[test]
fn entries_that_contradict_each_other_are_damaged() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let finished = |entries: &[(&str, EntryKind)]| {
        let mut part = writer(&store);
        for (name, kind) in entries {
            let kind = kind.clone();
            part.add(Entry {
                kind,
                ..Entry::directory(path(name))
            })
            .unwrap();
        }
        let finished = part.finish();
        finished.map(|(writer, part, _)| part.entries(&writer.into_session().unwrap()).unwrap())
    };
    let hard = |target: &str| EntryKind::HardLink { target: path(target) };
    let error = finished(&[("a", EntryKind::Pipe), ("a/b", EntryKind::Pipe)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("/a is not a directory"), "{error}");
    for lost in [
        &[("a", hard("none"))][..],
        &[("a", hard("b")), ("b", hard("none"))],
    ] {
        let error = finished(lost).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error
                .to_string()
                .contains("another name of /none, which is missing"),
            "{error}"
        );
    }
    // A name of a name is one of the file.
    let file = EntryKind::File {
        size: 0,
        chunks: Vec::new(),
    };
    let entries = finished(&[("c", hard("b")), ("b", hard("z")), ("z", file.clone())]).unwrap();
    let kinds: Vec<_> = entries
        .iter()
        .map(|entry| (entry.path.to_string(), &entry.kind))
        .collect();
    let first = hard("b");
    let expected = [
        ("/", &EntryKind::Directory),
        ("/b", &file),
        ("/c", &first),
        ("/z", &first),
    ];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn part_that_could_not_be_read_is_not_saved() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let part = || {
        let mut part = writer(&store);
        part.add_file(Entry::directory(path("large")), &b"content"[..])
            .unwrap();
        part
    };
    assert_eq!(part().finish().unwrap().1.entries, 2);
    for (whole, entry, words) in [
        (1 << 20, 100, "/large is too large for a snapshot: it has 7 bytes"),
        (100, 1 << 20, "root has too much for a snapshot: 2 entries"),
    ] {
        let error = part().finish_within(ListLimits { whole, entry }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn path_is_removed_with_everything_below() {
    let home = tempfile::tempdir().unwrap();
    let mut part = writer(&open(home.path()));
    for name in ["a", "a/b", "a/b/c", "ab"] {
        part.add(Entry::directory(path(name))).unwrap();
    }
    part.remove(&path("a/b"));
    let left: Vec<_> = part.entries().keys().map(ToString::to_string).collect();
    assert_eq!(left, ["/a", "/ab"]);
}

#[test]
fn content_of_another_size_is_damaged() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("file"), "content").unwrap();
    let (_store, part) = part_of(files.path());
    let mut entry = part.entries().unwrap().pop().unwrap();
    part.copy(&entry, &mut io::sink()).unwrap();
    if let EntryKind::File { size, .. } = &mut entry.kind {
        *size += 1;
    }
    let error = part.copy(&entry, &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.to_string().contains("/file has 7 bytes instead of 8"),
        "{error}"
    );
}

#[test]
fn device_is_not_created_on_this_machine() {
    let (home, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut part = begin_carried(home.path(), &Stop::default()).unwrap();
    let kind = EntryKind::BlockDevice { major: 8, minor: 0 };
    part.add(Entry {
        kind,
        ..Entry::directory(path("disk"))
    })
    .unwrap();
    let (part, _) = complete_carried(part).unwrap();
    let error = part.write_directory(target.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("/disk is a device"), "{error}");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 0);
}

#[test]
fn tree_that_is_too_deep_is_not_saved() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir_all(files.path().join("d/".repeat(257))).unwrap();
    let error = save(&open(home.path()), "deep", files.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("more than 256 directories deep"),
        "{error}"
    );
}

#[test]
fn files_are_put_where_no_other_kind_is() {
    let (files, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(files.path().join("sub")).unwrap();
    fs::write(files.path().join("sub/inner"), "inner").unwrap();
    fs::write(files.path().join("file"), "file").unwrap();
    let (_store, part) = part_of(files.path());
    let at = |name: &str| to.path().join(name);
    let put = |name: &str| {
        let place = Place::on_host(&at(name)).unwrap();
        put(&part, &place, Owners::Same, &Stop::default())
    };
    // A place where nothing is, then the same once more.
    put("new").unwrap();
    assert_eq!(described(&at("new")), described(files.path()));
    fs::write(at("new/sub/inner"), "changed").unwrap();
    put("new").unwrap();
    assert_eq!(fs::read(at("new/sub/inner")).unwrap(), b"inner");
    fs::write(at("plain"), "stays").unwrap();
    fs::create_dir_all(at("one/file")).unwrap();
    fs::create_dir(at("other")).unwrap();
    fs::write(at("other/sub"), "stays").unwrap();
    for name in ["plain", "one", "other"] {
        let error = put(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
        assert!(
            error.to_string().contains("cannot replace the directory"),
            "{error}"
        );
    }
    assert_eq!(fs::read(at("plain")).unwrap(), b"stays");
    assert_eq!(fs::read(at("other/sub")).unwrap(), b"stays");
    assert_eq!(
        fs::read_dir(to.path()).unwrap().count(),
        4,
        "no staging directory is left"
    );
}

#[tokio::test]
async fn difference_has_packages_and_parts() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("file"), "content").unwrap();
    let store = open(home.path());
    let saved = |name: &str, packages: &[(&str, &str, &str)], volume: bool| {
        let snapshot = save_with(&store, name, files.path(), |manifest| {
            for (manager, name, version) in packages {
                let package = Package {
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    ..Package::default()
                };
                let list = manifest.packages.entry((*manager).to_owned()).or_default();
                list.push(package);
            }
            if volume {
                let root = manifest.parts[0].clone();
                manifest.parts.push(Part {
                    name: "volume:/data".into(),
                    ..root
                });
            }
            manifest.left_out = vec![LeftOut::new(name, "it tells them apart")];
        });
        snapshot.unwrap()
    };
    let before = saved(
        "before",
        &[("pip", "a", "1"), ("apt", "same", "1"), ("npm", "x", "1")],
        false,
    );
    let after = saved("after", &[("pip", "a", "2"), ("apt", "same", "1")], true);
    let found = store.diff(&before, &after).await.unwrap();
    assert_eq!(found.packages.keys().collect::<Vec<_>>(), ["pip"]);
    assert_eq!(found.packages["pip"][0].to_string(), "a: 1 -> 2");
    let files: Vec<_> = found
        .files
        .iter()
        .map(|file| (file.part.as_str(), file.path.to_string(), file.change))
        .collect();
    let added = |path: &str| ("volume:/data", path.to_owned(), Change::Added);
    assert_eq!(files, [added("/"), added("/file")]);
}
