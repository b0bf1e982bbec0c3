//! Lists containers by label, state or name, with filters that the compiler checks.
//!
//! ```console
//! $ cargo run -p engine-api --example list_with_filters
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::containers::{ContainerFilters, CreateContainer, ListContainers, RemoveContainer, RunState};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let label = format!("example.run={}", std::process::id());
    let (key, value) = label.split_once('=').unwrap_or_default();
    let container = CreateContainer {
        image: "busybox".into(),
        labels: [(key, value)].into(),
        ..Default::default()
    };
    let id = docker.containers().create(container).await?.id;

    let options = ListContainers {
        all: true,
        filters: ContainerFilters {
            label: [label.clone()].into(),
            status: vec![RunState::Created, RunState::Exited], // one of these
            ..Default::default()
        },
        ..Default::default()
    };
    let listed = docker.containers().list(options).await;
    docker
        .containers()
        .remove(&id, RemoveContainer::default())
        .await?;
    for container in listed? {
        println!(
            "{} {} {}",
            container.plain_name(),
            container.image,
            container.state
        );
    }
    Ok(())
}
