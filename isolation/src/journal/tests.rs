#![allow(clippy::unwrap_used)] // helpers of tests are tests, too

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::ErrorKind;
use crate::journal::process::Process;

fn entry(id: &EnvironmentId) -> Entry {
    Entry {
        version: entry::VERSION,
        id: id.clone(),
        name: "web".into(),
        engine: "basic".into(),
        address: "/tmp".into(),
        image: None,
        session: Some("s".into()),
        created: Some(1_700_000_000),
        lifetime: Lifetime::Owner,
        owner: Process::current(),
        resources: Vec::new(),
    }
}

fn directory() -> (tempfile::TempDir, StateDirectory) {
    let base = tempfile::tempdir().unwrap();
    let directory = StateDirectory::at(base.path()).unwrap();
    (base, directory)
}

fn files(base: &tempfile::TempDir) -> usize {
    std::fs::read_dir(base.path().join("journal")).unwrap().count()
}

#[test]
fn entry_is_private_and_round_trips() {
    let (base, directory) = directory();
    let id = EnvironmentId::random();
    let journal = Journal::of(Some(&directory), &id);
    journal.begin(&entry(&id)).unwrap();
    journal.note(Resource::new("volume", "data")).unwrap();
    journal.note(Resource::new("volume", "data")).unwrap();
    journal.note(Resource::new("network", "net")).unwrap();
    journal.forget(&Resource::new("network", "net")).unwrap();
    journal.set_lifetime(Lifetime::Kept).unwrap();
    let expected = Entry {
        lifetime: Lifetime::Kept,
        resources: vec![Resource::new("volume", "data")],
        ..entry(&id)
    };
    assert_eq!(directory.read(&id).unwrap(), Some(expected));
    assert_eq!(directory.entries().unwrap().len(), 1);
    let path = base.path().join("journal");
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
    let file = path.join(format!("{id}.json"));
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(files(&base), 1, "no temporary file stays");
    journal.finish();
    assert_eq!(files(&base), 0);
    journal.begin(&entry(&id)).unwrap();
    assert_eq!(files(&base), 0, "a creation that was given up leaves no entry");
}

#[test]
fn entry_stays_while_a_removal_is_in_progress() {
    let (base, directory) = directory();
    let id = EnvironmentId::random();
    let begun = || {
        let journal = Journal::of(Some(&directory), &id);
        journal.begin(&entry(&id)).unwrap();
        journal
    };
    let journal = begun();
    let hold = journal.hold();
    journal.finish();
    assert_eq!(files(&base), 1);
    hold.gone();
    assert_eq!(files(&base), 0);

    let journal = begun();
    journal.hold().gone();
    assert_eq!(files(&base), 1, "the environment itself exists");
    drop(journal.hold());
    journal.finish();
    assert_eq!(files(&base), 1, "a removal failed");
}

#[test]
fn damaged_entry_is_reported_and_others_are_read() {
    let (base, directory) = directory();
    let (good, bad, newer) = (
        EnvironmentId::random(),
        EnvironmentId::random(),
        EnvironmentId::random(),
    );
    directory.write(&entry(&good)).unwrap();
    std::fs::write(base.path().join(format!("journal/{bad}.json")), "{").unwrap();
    let version = Entry {
        version: 99,
        ..entry(&newer)
    };
    directory.write(&version).unwrap();
    std::fs::write(base.path().join("journal/notes.txt"), "x").unwrap();
    let entries = directory.entries().unwrap();
    assert_eq!(entries.len(), 3);
    for found in entries {
        match found {
            Ok(entry) => assert_eq!(entry.id, good),
            Err((id, error)) => {
                assert!(id == bad || id == newer);
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            }
        }
    }
}

#[test]
fn directory_of_somebody_else_is_rejected() {
    let base = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), base.path().join("journal")).unwrap();
    let error = StateDirectory::at(base.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("ISOLATE_STATE_DIR"), "{error}");

    let open = tempfile::tempdir().unwrap();
    let journal = open.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o755)).unwrap();
    StateDirectory::at(open.path()).unwrap();
    assert_eq!(journal.metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn journal_without_a_directory_has_no_entry() {
    let id = EnvironmentId::random();
    let journal = Journal::of(None, &id);
    assert_eq!(journal.directory(), None);
    assert_eq!(journal.entry().unwrap(), None);
}
