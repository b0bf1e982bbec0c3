use engine_api::Docker;
use fake_engine::FakeEngine;
use isolation::engines::docker::DockerEngine;
use tests::state_walk::{Containers, walk_below};

use super::docker_engine::IMAGE;

#[tokio::test]
async fn random_walk_keeps_every_state() {
    let base = tempfile::tempdir().unwrap();
    let walked = Box::pin(walk_below(base.path(), None, 200)).await;
    walked.unwrap_or_else(|why| panic!("{why}"));
}

/// The same with containers of the fake engine: nothing is left of their images and volumes.
#[tokio::test]
async fn random_walk_of_containers_keeps_every_state() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let before = fake.snapshot();
    let docker = Containers {
        engine: DockerEngine::new(Docker::with_connector(fake.clone())),
        image: IMAGE,
        has_programs: false,
    };
    let walked = Box::pin(walk_below(base.path(), Some(docker), 200)).await;
    walked.unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(fake.snapshot().since(&before), Vec::<String>::new());
}
