//! Tests of creations that are refused, and of the files that an engine saves.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::beginning::Beginning;
use super::*;
use crate::ErrorKind;
use crate::events::EventSink;
use crate::files::copy::Stop;
use crate::journal::Journal;
use crate::snapshots::{SnapshotStore, testing};
use crate::spec::mount::Mount;

fn new<'a>(id: &'a EnvironmentId, spec: &'a EnvironmentSpec, context: &'a Context) -> NewEnvironment<'a> {
    NewEnvironment {
        id,
        name: "web",
        spec,
        context,
        ahead: None,
    }
}

async fn create(engine: &SandboxEngine) -> Result<Box<dyn Instance>> {
    let (id, spec) = (EnvironmentId::random(), EnvironmentSpec::default());
    let context = Context::new(EventSink::default(), Journal::of(None, &id));
    engine.create(new(&id, &spec, &context)).await
}

fn base() -> tempfile::TempDir {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), Permissions::from_mode(0o711)).unwrap();
    base
}

#[tokio::test]
async fn creation_without_a_directory_is_unavailable() {
    let base = base();
    let engine = SandboxEngine::below(base.path().join("gone"));
    let error = create(&engine).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
}

#[test]
fn interrupted_probe_may_be_repeated() {
    let probe = unprobed(&Error::invalid("the task was cancelled"));
    let Availability::Unavailable { reason, hint } = probe.availability else {
        panic!("it is available");
    };
    assert_eq!(
        (reason.as_str(), hint.as_str()),
        ("the task was cancelled", "try again")
    );
    assert!(probe.capabilities.has(crate::Feature::Commands));
}

#[test]
fn writable_mount_needs_the_permission_of_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let spec = EnvironmentSpec {
        mounts: vec![Mount::host(directory.path(), "/data")],
        ..EnvironmentSpec::default()
    };
    let meta = directory.path().metadata().unwrap();
    let refused = |first: u32, mode: u32| {
        fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
        let checked = writable_mounts::check(&spec, Identity::Range { first });
        let error = checked.err()?;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("could not write to"), "{error}");
        Some(())
    };
    let other = meta.uid().max(meta.gid()) + 1;
    for (first, writable, read_only) in [(meta.uid(), 0o200, 0o577), (other, 0o702, 0o775)] {
        assert_eq!(refused(first, writable), None, "{first}");
        assert_eq!(refused(first, read_only), Some(()), "{first}");
    }
    // Only root can give a directory to another user.
    if chown(directory.path(), Some(other), None).is_ok() {
        assert_eq!(refused(meta.gid(), 0o020), None);
        assert_eq!(refused(meta.gid(), 0o757), Some(()));
    }
    assert_eq!(
        writable_mounts::check(&spec, Identity::Caller).err().map(drop),
        None,
        "it is the caller"
    );
}

#[tokio::test]
async fn damaged_snapshot_is_not_restored() {
    let (directory, kept, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), base());
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let damaged = testing::state(&store, directory.path(), |manifest| {
        manifest.image = Some(serde_json::json!({"Env": 5}));
    });
    let error = Beginning::saved(&damaged.await).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .contains("the configuration of the image is damaged"),
        "{error}"
    );

    let empty = testing::state(&store, directory.path(), |manifest| manifest.parts.clear()).await;
    let made = Directory::create(NAME, base.path(), &EnvironmentId::random()).unwrap();
    let layout = Layout::of(&made, Identity::Caller);
    let error = layout.write_saved(&empty, None, &Stop::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("has no file system"), "{error}");
    assert!(!layout.root().exists(), "nothing is created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_directory_of_files_is_saved_alone() {
    let (base, kept) = (base(), tempfile::tempdir().unwrap());
    let engine = SandboxEngine::below(base.path());
    let instance = match create(&engine).await {
        Ok(instance) => instance,
        // No sandbox can be started here.
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
    };
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let saves = instance.saves().unwrap();
    for (path, kind, why) in [
        (
            "/etc/passwd",
            ErrorKind::InvalidInput,
            "/etc/passwd is not a directory of files",
        ),
        (
            "/proc",
            ErrorKind::InvalidInput,
            "/proc is not a directory of files",
        ),
        (
            "/no-such",
            ErrorKind::NotFound,
            "does not exist in the environment",
        ),
    ] {
        let saved = saves.save_directory(path, testing::part(&store)).await;
        let error = saved.map(drop).unwrap_err();
        assert_eq!(error.kind(), kind, "{path}: {error}");
        assert!(error.to_string().contains(why), "{path}: {error}");
    }
    instance.destroy().await.unwrap();
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn engine_at_an_address_has_the_directories_there() {
    let (base, other) = (base(), base());
    let engine = SandboxEngine::below(base.path());
    let address = SandboxEngine::below(other.path()).address().unwrap();
    let at = engine.at(&address).unwrap();
    assert_eq!((at.name(), at.address()), (NAME, Some(address.clone())));
    assert_ne!(engine.address(), Some(address));
}
