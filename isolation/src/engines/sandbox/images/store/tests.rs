//! Tests of the store, with images without files.

use std::collections::BTreeSet;

use super::*;

fn store(top: &Path) -> ImageStore {
    ImageStore::open(&top.join("store"), Identity::Caller).unwrap()
}

fn remove(_: Identity, path: &Path) -> Result<()> {
    remove_tree(path).map_err(|e| Error::io("remove", path, e))
}

/// Keeps an image under these names.
fn keep(store: &ImageStore, content: &str, names: &[&str]) -> Kept {
    let made = store.begin(remove).unwrap();
    let note = Note {
        id: Digest::of(content.as_bytes()),
        config: Default::default(),
        size: 0,
        imported: 1,
        left_out: Default::default(),
    };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    store.finish(&made, &note, &names).unwrap()
}

fn names(store: &ImageStore) -> Vec<Vec<String>> {
    let kept = store.list().unwrap();
    kept.into_iter().map(|kept| kept.names).collect()
}

#[test]
fn last_name_of_an_image_removes_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    assert_eq!(names(&store), Vec::<Vec<String>>::new());
    let kept = keep(&store, "a", &["app:1", "app:2"]);
    assert_eq!(store.remove("app:1", remove).unwrap(), ["app:1"]);
    assert_eq!(names(&store), [["app:2"]]);
    let id = format!("sha256:{}", kept.id());
    assert_eq!(store.remove("app:2", remove).unwrap(), ["app:2", id.as_str()]);
    assert!(!kept.directory.exists() && store.list().unwrap().is_empty());
    assert!(store.find(&id).unwrap_err().is_not_found());
}

#[test]
fn environment_that_is_gone_does_not_use_an_image() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let kept = keep(&store, "a", &["app:1"]);
    let (id, other) = (EnvironmentId::random(), EnvironmentId::random());
    store.use_for("app:1", &id, directory.path()).unwrap();
    let gone = directory.path().join("gone");
    store.use_for("app:1", &other, &gone).unwrap();
    assert_eq!(kept.users().unwrap(), BTreeSet::from([id.as_str().to_owned()]));
    assert!(!kept.directory.join("used").join(other.as_str()).exists());
    let error = store.remove("app:1", remove).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(id.as_str()), "{error}");
}

#[test]
fn image_whose_note_is_missing_is_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let kept = keep(&store, "a", &["app:1"]);
    let note = kept.directory.join(NOTE);
    fs::remove_file(&note).unwrap();
    assert!(store.list().unwrap().is_empty());
    let error = store.find("app:1").unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().ends_with(" is gone"),
        "{error}"
    );
    fs::create_dir(&note).unwrap();
    assert_eq!(store.list().unwrap_err().kind(), ErrorKind::Io);
    let list = store.top().join(NAMES);
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    let error = store.list().unwrap_err();
    assert!(
        error.kind() == ErrorKind::Io && error.to_string().contains(NAMES),
        "{error}"
    );
}
