//! A random walk between the engines `docker` and `basic`.

use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
use isolation::snapshots::SnapshotStore;
use isolation::{EnvironmentId, EnvironmentSpec, Manager, Registry};
use tests::state_walk::{Place, seed, walk};

use crate::support::{IMAGE, engines};

#[tokio::test]
async fn random_walk_keeps_every_state() {
    for subject in engines() {
        let (base, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let docker = DockerEngine::new(subject.docker.clone());
        let mut registry = Registry::new();
        registry.register(docker.with_prefix(&prefix).unwrap()).unwrap();
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
        walked.unwrap_or_else(|why| panic!("{}: {why}", subject.name));
        subject.until_nothing_is_left(&prefix).await;
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
