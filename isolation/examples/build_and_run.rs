//! Builds an image from a Dockerfile, and runs a command in it.
//!
//! ```console
//! $ cargo run -p isolation --example build_and_run
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use engine_api::Docker;
use engine_api::images::{BuildContext, BuildImage, RemoveImage};
use isolation::engines::docker::DockerEngine;
use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let docker = Docker::from_env().await?;
    let directory = tempfile::tempdir()?;
    std::fs::write(
        directory.path().join("Dockerfile"),
        "FROM busybox\nCOPY greeting /\n",
    )?;
    std::fs::write(directory.path().join("greeting"), "hello from the image\n")?;
    let options = BuildImage {
        tags: vec!["isolation-example:build".into()],
        ..Default::default()
    };
    let context = BuildContext::directory(directory.path());
    let mut progress = docker.images().build(context, options, None).await?;
    while let Some(line) = progress.next().await {
        print!("{}", line?.stream); // a step that fails ends the stream with an error
    }

    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker.clone()))?;
    let manager = Manager::new(registry);
    let spec = EnvironmentSpec {
        image: Some("isolation-example:build".into()),
        ..Default::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    let output = environment.run(Command::new(["cat", "/greeting"])).await?;
    println!("{}", output.stdout_text().trim_end());
    assert_eq!(output.stdout_text(), "hello from the image\n");

    manager.shutdown().await?;
    let remove = RemoveImage::default();
    docker.images().remove("isolation-example:build", remove).await?;
    Ok(())
}
