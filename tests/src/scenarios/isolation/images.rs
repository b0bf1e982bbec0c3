//! Images that the engine builds.

use isolation::engines::docker::{BuildSpec, DockerEngine};
use isolation::{ErrorKind, Result};

use engine_api::Docker;

use super::{IMAGE, active, build_of, manager, sh, spec};

/// A built image is used again, and a failed build leaves no image.
pub async fn build(docker: Docker) -> Result<()> {
    let engine = DockerEngine::new(docker.clone());
    let wanted = build_of(&format!("FROM {IMAGE}\nRUN echo built >/word\n"));
    let mut log = String::new();
    let first = engine
        .images()
        .build(&wanted, |piece| log.push_str(piece))
        .await?;
    assert!(!first.cached && log.contains("RUN echo built"), "{log}");
    let kept = BuildSpec {
        no_cache: false,
        tags: vec!["ptest_again:1".to_owned()],
        ..wanted
    };
    let again = engine.images().build(&kept, |_| ()).await?;
    assert_eq!(
        (again.cached, &again.name, &again.id),
        (true, &first.name, &first.id)
    );
    let manager = manager(&docker)?;
    let environment = active(&manager, spec("ptest_again:1")).await?;
    assert_eq!(sh(&environment, "cat /word").await?, "built");
    environment.destroy().await?;
    engine.images().remove("ptest_again:1", true).await?;
    engine.images().remove(&first.name, true).await?;

    let steps = format!("FROM {IMAGE}\nRUN echo made >/word\nRUN exit 3\n");
    let failed = engine.images().build(&build_of(&steps), |_| ()).await;
    let error = failed.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
    manager.shutdown().await
}
