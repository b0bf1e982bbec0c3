//! A random walk between containers and the engines of this machine.

use isolation::EnvironmentId;
use isolation::engines::docker::DockerEngine;
use tests::state_walk::{Containers, walk_below};

use crate::support::{IMAGE, engines};

#[tokio::test]
async fn random_walk_keeps_every_state() {
    for subject in engines() {
        let base = tempfile::tempdir().unwrap();
        let prefix = format!("live_{}_", EnvironmentId::random().short());
        let docker = DockerEngine::new(subject.docker.clone());
        let docker = Containers {
            engine: docker.with_prefix(&prefix).unwrap(),
            image: IMAGE,
            has_programs: true,
        };
        let walked = Box::pin(walk_below(base.path(), Some(docker), 200)).await;
        walked.unwrap_or_else(|why| panic!("{}: {why}", subject.name));
        subject.until_nothing_is_left(&prefix).await;
    }
}
