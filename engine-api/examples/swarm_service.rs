//! Creates, scales and removes a service of a swarm.
//!
//! The engine must be a manager, or not in a swarm; then the example creates one and leaves it.
//!
//! ```console
//! $ cargo run -p engine-api --example swarm_service
//! ```
#![allow(clippy::print_stdout)] // an example prints its results

use std::time::Duration;

use engine_api::Docker;
use engine_api::services::{ServiceMode, ServiceSpec, UpdateService};
use engine_api::swarm::{InitSwarm, LeaveSwarm};
use engine_api::tasks::{ContainerSpec, ListTasks, TaskFilters, TaskSpec, TaskState};

#[tokio::main]
async fn main() -> engine_api::Result<()> {
    let docker = Docker::from_env().await?;
    docker
        .images()
        .pull_if_missing("busybox", Default::default(), None)
        .await?;
    let ours = match docker.swarm().inspect().await {
        Ok(_) => false,
        Err(error) if error.status() == Some(503) => {
            let swarm = InitSwarm {
                advertise_addr: "127.0.0.1".into(),
                ..Default::default()
            };
            println!("this node is {}", docker.swarm().init(swarm).await?);
            true
        }
        Err(error) => return Err(error),
    };
    let served = serve(&docker).await;
    if ours {
        docker.swarm().leave(LeaveSwarm { force: true }).await?;
    }
    served
}

async fn serve(docker: &Docker) -> engine_api::Result<()> {
    let container = ContainerSpec {
        image: "busybox".into(),
        command: vec!["sleep".into(), "600".into()],
        stop_grace_period: Some(0),
        ..Default::default()
    };
    let spec = ServiceSpec {
        name: format!("example-{}", std::process::id()),
        task_template: TaskSpec {
            kind: Some(container.into()),
            ..Default::default()
        },
        mode: ServiceMode::replicated(1),
        ..Default::default()
    };
    let id = docker.services().create(spec, None).await?.id;
    let scaled = scale(docker, &id).await;
    docker.services().remove(&id).await?;
    scaled
}

async fn scale(docker: &Docker, service: &str) -> engine_api::Result<()> {
    println!("{} task runs", running(docker, service, 1).await?);
    // Reads the service, changes it, writes it; again if somebody else was faster.
    let scale = |spec: &mut ServiceSpec| spec.mode = ServiceMode::replicated(3);
    docker
        .services()
        .edit(service, UpdateService::default(), None, scale)
        .await?;
    println!("{} tasks run", running(docker, service, 3).await?);
    Ok(())
}

/// Waits until so many tasks run, but not for ever; how many do.
async fn running(docker: &Docker, service: &str, wanted: usize) -> engine_api::Result<usize> {
    let filters = TaskFilters {
        service: [service].into(),
        ..Default::default()
    };
    let mut found = 0;
    for _ in 0..60 {
        let tasks = docker
            .tasks()
            .list(ListTasks {
                filters: filters.clone(),
            })
            .await?;
        found = tasks
            .iter()
            .filter(|task| task.status.state == TaskState::Running)
            .count();
        if found >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(found)
}
