use isolation::engines::basic::BasicEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::snapshots::SnapshotStore;
#[cfg(target_os = "linux")]
use isolation::{Engine, engines::sandbox::SandboxEngine};
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
    #[cfg(target_os = "linux")]
    let has_sandbox = with_sandbox(&mut registry, base.path()).await;
    #[cfg(not(target_os = "linux"))]
    let has_sandbox = false;
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
    let mut places = vec![
        place("basic", EnvironmentSpec::default()),
        place("virtualenv", with_python),
    ];
    if has_sandbox {
        let spec = EnvironmentSpec {
            working_dir: Some("/work".to_owned()),
            ..EnvironmentSpec::default()
        };
        places.push(place("sandbox", spec));
    }
    let walked = Box::pin(walk(&manager, &store, &places, 200, seed().unwrap())).await;
    walked.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(std::fs::read_dir(&environments).unwrap().count(), 0);
}

/// Adds the engine `sandbox`, where one can be started.
#[cfg(target_os = "linux")]
async fn with_sandbox(registry: &mut Registry, base: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let below = base.join("environments");
    for directory in [base, &below] {
        // Its users must pass.
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o711)).unwrap();
    }
    let engine = SandboxEngine::below(below).with_cache(base.join("images"));
    let is_there = engine.probe().await.availability.is_available();
    if is_there {
        registry.register(engine).unwrap();
    }
    is_there
}
