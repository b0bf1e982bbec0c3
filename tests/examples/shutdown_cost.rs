//! How long the end of a manager with 50 environments takes, against one removal after the other
//! and against bare removals, 16 at a time.
//!
//! ```console
//! $ DOCKER_HOST=unix:///var/run/docker.sock cargo run -p tests --example shutdown_cost
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::time::{Duration, Instant};

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RemoveContainer, StartContainer};
use isolation::engines::docker::DockerEngine;
use isolation::{EngineChoice, EnvironmentId, EnvironmentSpec, Manager, Registry};
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ENVIRONMENTS: usize = 50;
const AT_ONCE: usize = 16;
const IMAGE: &str = "busybox:latest";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let docker = Docker::from_env().await?;
    let bare = bare(&docker).await?;
    let shutdown = managed(&docker, async |manager| manager.shutdown().await).await?;
    let one_by_one = managed(&docker, async |manager| {
        for environment in manager.environments() {
            manager
                .remove(environment.id.as_str(), isolation::Remove { force: true })
                .await?;
        }
        manager.shutdown().await
    })
    .await?;
    let line = |what: &str, time: Duration| {
        let ratio = time.as_secs_f64() / bare.as_secs_f64();
        println!("{what:<34} {:>6} ms  {ratio:.2}", time.as_millis());
    };
    line("bare removals, 16 at a time", bare);
    line("Manager::shutdown", shutdown);
    line("one after the other", one_by_one);
    Ok(())
}

/// The time of bare removals of running containers.
async fn bare(docker: &Docker) -> Outcome<Duration> {
    let mut names = Vec::new();
    for _ in 0..ENVIRONMENTS {
        let name = format!("shutdown_cost_{}", EnvironmentId::random());
        let create = CreateContainer {
            name: Some(name.clone()),
            image: IMAGE.into(),
            cmd: ["sleep", "1000"].into(),
            ..CreateContainer::default()
        };
        let created = docker.containers().create(create).await?;
        docker
            .containers()
            .start(&created.id, StartContainer::default())
            .await?;
        names.push(name);
    }
    let began = Instant::now();
    let mut removing = JoinSet::new();
    while !(names.is_empty() && removing.is_empty()) {
        while removing.len() < AT_ONCE {
            let Some(name) = names.pop() else { break };
            let docker = docker.clone();
            let options = RemoveContainer {
                force: true,
                volumes: true,
                link: false,
            };
            removing.spawn(async move { docker.containers().remove(&name, options).await });
        }
        if let Some(removed) = removing.join_next().await {
            removed??;
        }
    }
    Ok(began.elapsed())
}

/// The time in which `end` removes the environments of a manager.
async fn managed(
    docker: &Docker,
    end: impl AsyncFnOnce(&Manager) -> isolation::Result<()>,
) -> Outcome<Duration> {
    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker.clone()))?;
    let manager = Manager::new(registry);
    let mut environments = Vec::new();
    for _ in 0..ENVIRONMENTS {
        let spec = EnvironmentSpec {
            image: Some(IMAGE.into()),
            ..EnvironmentSpec::default()
        };
        environments.push(manager.create(&EngineChoice::Auto, spec).await?);
    }
    let began = Instant::now();
    end(&manager).await?;
    Ok(began.elapsed())
}
