//! Tests of networks without sandboxes.

use super::super::identity::Identity;
use super::*;
use crate::engines::host::directory::Note;
use crate::environment::status::Status;

fn note(environment: &str, ports: &[u16]) -> NetworkNote {
    NetworkNote {
        network: format!("{OF_GROUP}shop 0123"),
        environment: environment.to_owned(),
        names: vec![environment.to_owned()],
        ports: ports.iter().copied().collect(),
        internet: false,
    }
}

fn layout(base: &Path, identity: Identity) -> Layout {
    let directory = Directory::create(NAME, base, &EnvironmentId::random()).unwrap();
    Layout::of(&directory, identity)
}

#[test]
fn ports_are_those_of_the_specification() {
    let spec = EnvironmentSpec::from_json(
        r#"{"network": {"ports": ["8080:80"], "expose_host": [5432]},
            "ready": {"wait_for": {"all": [{"port": 81}, {"http": {"port": 82}},
                                           {"any": [{"port": 83}, {"port": 84}]}]}}}"#,
    );
    assert_eq!(ports(&spec.unwrap()), [80, 81, 82, 5432].into());
}

#[test]
fn port_of_another_environment_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let all = [(); 3].map(|()| layout(base.path(), Identity::Caller));
    note("web", &[80, 81]).write(&all[0]).unwrap();
    note("db", &[5432]).write(&all[1]).unwrap();
    let error = note("api", &[81]).write(&all[2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(text.starts_with("api and web both use port 81"), "{text}");
    assert!(text.contains("another port"), "{text}");
    // It is the same port only in the same network.
    let mut other = note("api", &[81]);
    other.network = format!("{OF_GROUP}shop 4567");
    other.write(&all[2]).unwrap();
    let names = |layout: &Layout| {
        let others = layout.others_of(&layout.network_name()).unwrap();
        others
            .into_iter()
            .map(|one| one.note.environment)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&all[0]), ["db"]);
    assert!(names(&all[2]).is_empty());
}

#[test]
fn other_users_in_one_network_are_an_error() {
    let base = tempfile::tempdir().unwrap();
    let [one, two] = [Identity::Caller, Identity::Mapped { first: 100_000 }];
    let [one, two] = [one, two].map(|identity| layout(base.path(), identity));
    note("web", &[]).write(&one).unwrap();
    let error = different_users(&one, &two);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(text.starts_with("web, which has the same network"), "{text}");
    assert!(
        text.contains("one user, root") && text.contains("users 100000"),
        "{text}"
    );
}

#[test]
fn damaged_note_is_that_of_an_own_network() {
    let base = tempfile::tempdir().unwrap();
    let layout = layout(base.path(), Identity::Caller);
    assert_eq!(layout.network_name(), layout.id());
    fs::write(layout.network(), "{").unwrap();
    assert_eq!(layout.network_name(), layout.id());
    assert_eq!(layout.id().len(), EnvironmentId::random().as_str().len());
}

/// It has no note of its network.
#[test]
fn environment_of_an_older_version_has_a_network() {
    let base = tempfile::tempdir().unwrap();
    let id = EnvironmentId::random();
    let directory = Directory::create(NAME, base.path(), &id).unwrap();
    let spec = EnvironmentSpec::default();
    let note = Note {
        id: id.clone(),
        name: "web".to_owned(),
        status: Status::Created,
        spec,
        created: None,
        cgroup: None,
    };
    directory.write_note(&note).unwrap();
    assert_eq!(
        NetworkNote::of_other(base.path(), id.as_str()).unwrap(),
        (id.to_string(), false)
    );
    fs::remove_dir_all(directory.path()).unwrap();
    let error = NetworkNote::of_other(base.path(), id.as_str()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(error.subject(), Some(id.as_str()));
}

#[test]
fn lock_of_a_removed_environment_is_lost() {
    let base = tempfile::tempdir().unwrap();
    let layout = layout(base.path(), Identity::Caller);
    drop(layout.lock().unwrap());
    fs::remove_dir(layout.top()).unwrap();
    let error = layout.lock().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
}
