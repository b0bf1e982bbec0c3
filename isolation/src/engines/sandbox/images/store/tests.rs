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

#[test]
fn store_to_which_others_may_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path().join("store");
    fs::create_dir(&top).unwrap();
    for mode in [0o770, 0o707] {
        fs::set_permissions(&top, Permissions::from_mode(mode)).unwrap();
        let error = ImageStore::open(&top, Identity::Caller).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("other users may write to"), "{error}");
    }
    // Others may see nothing of it.
    fs::set_permissions(&top, Permissions::from_mode(0o755)).unwrap();
    ImageStore::open(&top, Identity::Caller).unwrap();
    assert_eq!(top.metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn beginning_of_several_ids_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    let mut known = std::collections::HashMap::new();
    // The first two contents whose digests begin in the same way.
    let (first, second) = (0..)
        .map(|number: u32| number.to_string())
        .find_map(|content| {
            let digits = Digest::of(content.as_bytes()).to_string()[..FEWEST_DIGITS].to_owned();
            let other = known.insert(digits, content.clone())?;
            Some((other, content))
        })
        .unwrap();
    let id = keep(&store, &first, &["app:1"]).id().to_string();
    let beginning = &id[..FEWEST_DIGITS];
    assert_eq!(store.find(beginning).unwrap().id().to_string(), id);
    keep(&store, &second, &["app:2"]);
    let error = store.find(beginning).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("several images begin with"), "{error}");
    assert_eq!(store.find(&id).unwrap().id().to_string(), id);
}

#[test]
fn use_that_is_no_link_cannot_be_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (link, id) = (directory.path().join("image"), EnvironmentId::random());
    Kept::forget(&link, &id).unwrap();
    fs::write(&link, "").unwrap();
    let error = Kept::forget(&link, &id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(
        error.to_string().contains("remove the use of the image"),
        "{error}"
    );
}
