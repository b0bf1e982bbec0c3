//! Power failures, full disks and damage: nothing that was complete is lost, and nothing wrong is
//! restored.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{noise, open, restores, sample, save};
use crate::error::ErrorKind;
use crate::snapshots::store::SnapshotStore;
use crate::snapshots::store::disk::{Disk, RealDisk};

/// A disk on which everything fails from one operation on, as after a power failure.
#[derive(Debug)]
struct FailingDisk {
    left: AtomicUsize,
    kind: io::ErrorKind,
}

impl FailingDisk {
    fn step(&self) -> io::Result<()> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| self.kind.into())
    }
}

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        RealDisk.create(path)
    }

    /// The last write is written in part.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let allowed = self.step();
        let end = if allowed.is_ok() {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        RealDisk.write(file, &bytes[..end])?;
        allowed
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        RealDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.remove(path)
    }
}

/// Every earlier snapshot must survive, and the new one must be complete or not there.
#[test]
fn power_failure_at_any_write_loses_nothing() {
    let (files, changed) = (sample(), sample());
    fs::write(changed.path().join("a/large"), noise(900_000, 99)).unwrap();
    let mut step = 0;
    loop {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let first = save(&store, "first", files.path()).unwrap();
        let failing = FailingDisk {
            left: AtomicUsize::new(step),
            kind: io::ErrorKind::StorageFull,
        };
        let store = SnapshotStore::with_disk(home.path(), Arc::new(failing)).unwrap();
        let saved = save(&store, "second", changed.path());
        drop(store);
        let store = open(home.path());
        let list = store.list().unwrap();
        assert!(list.damaged.is_empty(), "step {step}: {list:?}");
        for snapshot in &list.snapshots {
            let original = if snapshot.id == first.id { &files } else { &changed };
            assert!(
                restores(&store, snapshot, original.path()).unwrap(),
                "step {step}"
            );
        }
        assert!(list.snapshots.iter().any(|one| one.id == first.id));
        // A power failure after the manifest has its name leaves a complete snapshot.
        assert!(saved.is_err() || list.snapshots.len() == 2, "step {step}");
        store.gc().unwrap();
        assert_eq!(fs::read_dir(home.path().join("new")).unwrap().count(), 0);
        assert!(
            restores(&store, &first, files.path()).unwrap(),
            "after gc, step {step}"
        );
        if saved.is_ok() {
            break;
        }
        step += 1;
    }
    assert!(step > 8, "only {step} operations were tried");
}

/// An import that ends at any operation loses nothing, and can be repeated.
#[test]
fn power_failure_during_an_import_loses_nothing() {
    let (elsewhere, files, changed) = (tempfile::tempdir().unwrap(), sample(), sample());
    fs::write(changed.path().join("a/large"), noise(900_000, 99)).unwrap();
    let there = open(elsewhere.path());
    let snapshot = save(&there, "imported", changed.path()).unwrap();
    let mut archive = Vec::new();
    there.export(&snapshot, &mut archive).unwrap();
    let mut step = 0;
    loop {
        let home = tempfile::tempdir().unwrap();
        let first = save(&open(home.path()), "first", files.path()).unwrap();
        let failing = FailingDisk {
            left: AtomicUsize::new(step),
            kind: io::ErrorKind::StorageFull,
        };
        let store = SnapshotStore::with_disk(home.path(), Arc::new(failing)).unwrap();
        let imported = store.import(&archive[..]);
        drop(store);
        let store = open(home.path());
        let list = store.list().unwrap();
        assert!(list.damaged.is_empty(), "step {step}: {list:?}");
        assert!(
            imported.is_err() || list.snapshots.len() == 2,
            "step {step}: {list:?}"
        );
        let again = store.import(&archive[..]).unwrap();
        for (snapshot, original) in [(&first, &files), (&again, &changed)] {
            assert!(
                restores(&store, snapshot, original.path()).unwrap(),
                "step {step}"
            );
        }
        store.gc().unwrap();
        assert_eq!(fs::read_dir(home.path().join("new")).unwrap().count(), 0);
        if imported.is_ok() {
            break;
        }
        step += 1;
    }
    assert!(step > 5, "only {step} operations were tried");
}

/// A collection that ends at any operation loses nothing that a snapshot needs.
#[test]
fn power_failure_during_a_collection_loses_nothing() {
    let (files, changed) = (sample(), sample());
    fs::write(changed.path().join("zeros"), noise(900_000, 99)).unwrap();
    for step in 0..40 {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let kept = save(&store, "kept", files.path()).unwrap();
        let gone = save(&store, "gone", changed.path()).unwrap();
        let both = tempfile::tempdir().unwrap();
        fs::write(both.path().join("x"), noise(300_000, 5)).unwrap();
        fs::write(both.path().join("y"), noise(700_000, 1)).unwrap();
        let mixed = save(&store, "mixed", both.path()).unwrap();
        store.remove(&gone.id).unwrap();
        let failing = FailingDisk {
            left: AtomicUsize::new(step),
            kind: io::ErrorKind::Other,
        };
        let failing = SnapshotStore::with_disk(home.path(), Arc::new(failing)).unwrap();
        let collected = failing.gc();
        drop(failing);
        let store = open(home.path());
        assert!(restores(&store, &kept, files.path()).unwrap(), "step {step}");
        assert!(restores(&store, &mixed, both.path()).unwrap(), "step {step}");
        if collected.is_ok() {
            assert!(store.usage().unwrap().bytes < 1_200_000);
            return;
        }
    }
    panic!("the collection needs more than 40 operations");
}

/// One byte in ten is changed, in every file of the store: never a wrong restore without an error.
#[test]
fn damage_at_any_place_is_found() {
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(files.path().join("d")).unwrap();
    fs::write(files.path().join("d/text"), "text\n".repeat(40)).unwrap();
    fs::write(files.path().join("noise"), noise(300, 3)).unwrap();
    let store = open(home.path());
    let snapshot = save(&store, "one", files.path()).unwrap();
    let mut stored: Vec<PathBuf> = Vec::new();
    for directory in [store.packs(), store.snapshots()] {
        stored.extend(
            fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        );
    }
    assert_eq!(stored.len(), 2);
    let (mut found, mut harmless) = (0, 0);
    for path in stored {
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(10) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x41;
            fs::write(&path, &damaged).unwrap();
            let restored = store
                .find(&snapshot.id.to_string())
                .and_then(|snapshot| restores(&store, &snapshot, files.path()));
            match restored {
                Ok(true) => harmless += 1,
                Ok(false) => panic!("byte {at} of {}: a wrong restore", path.display()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                    found += 1;
                }
            }
        }
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let restored = store
                .find(&snapshot.id.to_string())
                .and_then(|snapshot| restores(&store, &snapshot, files.path()));
            assert_eq!(restored.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(restores(&store, &snapshot, files.path()).unwrap());
    assert!(found > 100 && harmless == 0, "{found} found, {harmless} harmless");
}
