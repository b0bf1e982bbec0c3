//! Copies a directory into a container and out again, as `docker cp` does, also while it is
//! stopped.
//!
//! ```console
//! $ cargo run -p engine-api --example copy_in_out
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use std::path::Path;

use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::{Docker, archive};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let container = CreateContainer {
        image: "busybox".into(),
        ..Default::default()
    };
    let id = docker.containers().create(container).await?.id;

    let directory = tempfile::tempdir()?;
    let copied = copy(&docker, &id, directory.path()).await;
    docker
        .containers()
        .remove(&id, RemoveContainer::default())
        .await?;
    copied
}

async fn copy(docker: &Docker, id: &str, directory: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let containers = docker.containers();
    let site = directory.join("site");
    std::fs::create_dir(&site)?;
    std::fs::write(site.join("index.html"), "<p>hello\n")?;

    // A directory of the host, packed while it is sent; then one file from memory.
    containers
        .upload(id, "/tmp", archive::pack(&site, "site")?, Default::default())
        .await?;
    let robots = archive::file("robots.txt", 0o644, "User-agent: *\n")?;
    containers
        .upload(id, "/tmp/site", robots, Default::default())
        .await?;
    let stat = containers.stat(id, "/tmp/site/robots.txt").await?;
    println!(
        "in the container: {}, {} bytes, mode {:o}",
        stat.name,
        stat.size,
        stat.permissions()
    );

    // Unpacked while it comes.
    let back = directory.join("back");
    archive::unpack(containers.download(id, "/tmp/site").await?, &back).await?;
    for entry in std::fs::read_dir(back.join("site"))? {
        println!("came back: {}", entry?.file_name().to_string_lossy());
    }
    Ok(())
}
