use engine_api::Docker;
use fake_engine::FakeEngine;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::snapshots::SnapshotStore;
#[cfg(target_os = "linux")]
use isolation::{Engine, engines::sandbox::SandboxEngine};
use isolation::{EnvironmentSpec, Manager, Registry};
use tests::state_walk::{Place, seed, walk};

use super::docker_engine::IMAGE;

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

/// The same with containers of the fake engine: nothing is left of their images and volumes.
#[tokio::test]
async fn random_walk_of_containers_keeps_every_state() {
    let (base, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fake = FakeEngine::new().with_image(IMAGE);
    let before = fake.snapshot();
    let mut registry = Registry::new();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(docker).unwrap();
    registry.register(BasicEngine::below(base.path())).unwrap();
    let manager = Manager::new(registry);
    let store = SnapshotStore::open(Some(kept.path())).unwrap();
    let in_container = EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        working_dir: Some("/work".to_owned()),
        ..EnvironmentSpec::default()
    };
    let places = [
        Place {
            engine: "docker".to_owned(),
            spec: in_container,
            image: Some(IMAGE.to_owned()),
        },
        Place {
            engine: "basic".to_owned(),
            spec: EnvironmentSpec::default(),
            image: None,
        },
    ];
    let walked = Box::pin(walk(&manager, &store, &places, 200, seed().unwrap())).await;
    walked.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(fake.snapshot().since(&before), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
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
