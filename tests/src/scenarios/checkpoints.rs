//! Checkpoints on engines where they are disabled.

use engine_api::checkpoints::{CheckpointDirectory, CreateCheckpoint};
use engine_api::{Docker, Result};

/// The error of each call reports that checkpoints are disabled, not that the container is missing.
pub async fn switched_off(docker: Docker) -> Result<()> {
    let checkpoints = docker.checkpoints();
    let checkpoint = CreateCheckpoint {
        checkpoint_id: "one".into(),
        exit: true,
        ..Default::default()
    };
    for refused in [
        checkpoints.create("ptest_nothing", checkpoint).await.unwrap_err(),
        checkpoints
            .list("ptest_nothing", CheckpointDirectory::default())
            .await
            .unwrap_err(),
        checkpoints
            .remove("ptest_nothing", "one", CheckpointDirectory::default())
            .await
            .unwrap_err(),
    ] {
        // Podman does not have this route.
        assert!(
            refused.is_not_implemented() || refused.is_unknown_route(),
            "{refused}"
        );
    }
    Ok(())
}
