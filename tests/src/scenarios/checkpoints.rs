//! Checkpoints, on engines that have them switched off.

use engine_api::checkpoints::{CheckpointFolder, CreateCheckpoint};
use engine_api::{Docker, Result};

/// Each call says that there are no checkpoints here, not that the container is missing.
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
            .list("ptest_nothing", CheckpointFolder::default())
            .await
            .unwrap_err(),
        checkpoints
            .remove("ptest_nothing", "one", CheckpointFolder::default())
            .await
            .unwrap_err(),
    ] {
        // Podman has no such route.
        assert!(
            refused.is_not_implemented() || refused.is_unknown_route(),
            "{refused}"
        );
    }
    Ok(())
}
