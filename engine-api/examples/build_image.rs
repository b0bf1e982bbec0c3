//! Builds an image from a directory, as `docker build` does, with its `.dockerignore`.
//!
//! ```console
//! $ cargo run -p engine-api --example build_image                  # a directory made for this
//! $ cargo run -p engine-api --example build_image -- DIRECTORY TAG # one of yours
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use std::path::Path;

use engine_api::Docker;
use engine_api::containers::CreateContainer;
use engine_api::images::{BuildContext, BuildImage, RemoveImage};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let docker = Docker::from_env().await?;
    let mut arguments = std::env::args().skip(1);
    if let (Some(directory), Some(tag)) = (arguments.next(), arguments.next()) {
        return Ok(build(&docker, directory.as_ref(), &tag).await?);
    }

    let directory = tempfile::tempdir()?;
    std::fs::write(
        directory.path().join("Dockerfile"),
        "FROM busybox\nCOPY . /srv\nCMD [\"ls\", \"/srv\"]\n",
    )?;
    std::fs::write(directory.path().join(".dockerignore"), "*.log\n")?;
    std::fs::write(directory.path().join("page.html"), "<p>hello\n")?;
    std::fs::write(directory.path().join("noise.log"), "not sent\n")?;
    let tag = "engine-api-example:build";
    build(&docker, directory.path(), tag).await?;

    let container = CreateContainer {
        image: tag.into(),
        ..Default::default()
    };
    let finished = docker.containers().run(container).await?;
    println!(
        "in the image: {}",
        String::from_utf8_lossy(&finished.stdout).trim()
    );
    docker.images().remove(tag, RemoveImage::default()).await?;
    Ok(())
}

async fn build(docker: &Docker, directory: &Path, tag: &str) -> engine_api::Result<()> {
    let options = BuildImage {
        tags: vec![tag.to_owned()],
        ..Default::default()
    };
    let mut progress = docker
        .images()
        .build(BuildContext::directory(directory), options, None)
        .await?;
    while let Some(line) = progress.next().await {
        print!("{}", line?.stream); // a step that fails ends the stream with an error
    }
    Ok(())
}
