//! Prunes only what the program itself created and marked with a label.
//!
//! ```console
//! $ cargo run -p engine-api --example prune_safely
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use engine_api::Docker;
use engine_api::common::{StringList, StringMap};
use engine_api::containers::{CreateContainer, PruneContainers};
use engine_api::networks::{CreateNetwork, PruneNetworks};
use engine_api::volumes::{CreateVolume, ListVolumes, RemoveVolume};

const LABEL: &str = "example.engine-api.prune";

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    leave_things(&docker).await?;

    // Containers first: they keep their networks and volumes in use.
    let label = StringList::from([LABEL]);
    let containers = PruneContainers {
        label: label.clone(),
        ..Default::default()
    };
    let gone = docker.containers().prune(containers).await?;
    println!(
        "{} containers, {} bytes",
        gone.containers_deleted.len(),
        gone.space_reclaimed
    );
    let networks = PruneNetworks {
        label: label.clone(),
        ..Default::default()
    };
    let gone = docker.networks().prune(networks).await?;
    println!("{} networks", gone.networks_deleted.len());
    // A prune spares volumes that have a name, unless the engine is new enough to be told
    // otherwise.
    let filters = ListVolumes {
        label,
        ..Default::default()
    };
    for volume in docker.volumes().list(filters).await?.volumes {
        docker
            .volumes()
            .remove(&volume.name, RemoveVolume::default())
            .await?;
        println!("volume {}", volume.name);
    }
    Ok(())
}

async fn leave_things(docker: &Docker) -> engine_api::Result<()> {
    let labels = StringMap::from([(LABEL, "")]);
    let name = format!("example-prune-{}", std::process::id());
    let container = CreateContainer {
        image: "busybox".into(),
        labels: labels.clone(),
        ..Default::default()
    };
    docker.containers().create(container).await?;
    let network = CreateNetwork {
        name: name.clone(),
        labels: labels.clone(),
        ..Default::default()
    };
    docker.networks().create(network).await?;
    docker
        .volumes()
        .create(CreateVolume {
            name,
            labels,
            ..Default::default()
        })
        .await?;
    Ok(())
}
