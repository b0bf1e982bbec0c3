//! Keeps data in a volume after the container that wrote it is removed.
//!
//! ```console
//! $ cargo run -p engine-api --example volumes
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{CreateContainer, HostConfig, Mount, MountType, RunOutput};
use engine_api::volumes::{CreateVolume, RemoveVolume};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let volume = docker.volumes().create(CreateVolume::default()).await?; // the engine chooses a name
    println!("the volume is {}", volume.name);

    let outcome = write_and_read(&docker, &volume.name).await;
    docker
        .volumes()
        .remove(&volume.name, RemoveVolume::default())
        .await?;
    outcome
}

async fn write_and_read(docker: &Docker, volume: &str) -> engine_api::Result<()> {
    run(docker, volume, "date > /data/when").await?;
    let finished = run(docker, volume, "cat /data/when").await?;
    println!(
        "a first container wrote at {}",
        String::from_utf8_lossy(&finished.stdout).trim()
    );
    Ok(())
}

async fn run(docker: &Docker, volume: &str, script: &str) -> engine_api::Result<RunOutput> {
    let mount = Mount {
        kind: MountType::Volume,
        source: volume.to_owned(),
        target: "/data".into(),
        ..Default::default()
    };
    let container = CreateContainer {
        image: "busybox".into(),
        cmd: ["sh", "-c", script].into(),
        host_config: HostConfig {
            mounts: vec![mount],
            ..Default::default()
        },
        ..Default::default()
    };
    docker.containers().run(container).await
}
