use isolation::engines::basic::BasicEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::snapshots::SnapshotStore;
use isolation::{EnvironmentSpec, Manager, Registry};
use tests::state_walk::{Place, seed, walk};

#[tokio::test]
async fn random_walk_keeps_every_state() {
    let (base, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let environments = base.path().join("environments");
    std::fs::create_dir(&environments).unwrap();
    let python = VirtualenvEngine::below(&environments).with_cache(base.path().join("cache"));
    let mut registry = Registry::new();
    registry.register(BasicEngine::below(&environments)).unwrap();
    registry.register(python).unwrap();
    let manager = Manager::new(registry);
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let mut with_python = EnvironmentSpec::default();
    let options = VirtualenvOptions {
        without_pip: true,
        ..VirtualenvOptions::default()
    };
    options.add_to(&mut with_python);
    let place = |engine: &str, spec: EnvironmentSpec| Place {
        engine: engine.to_owned(),
        spec,
        image: None,
    };
    let places = [
        place("basic", EnvironmentSpec::default()),
        place("virtualenv", with_python),
    ];
    let walked = Box::pin(walk(&manager, &store, &places, 200, seed().unwrap())).await;
    walked.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(std::fs::read_dir(&environments).unwrap().count(), 0);
}
