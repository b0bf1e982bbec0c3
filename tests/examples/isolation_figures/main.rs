//! The figures of environments on a Docker daemon, each with its limit, in one run.
//!
//! ```sh
//! cargo run --release -p tests --example isolation_figures -- unix:///run/docker.sock [IMAGE...]
//! COMPOSE=/usr/libexec/docker/cli-plugins/docker-compose cargo run --release …
//! ```
//!
//! The image has a BusyBox; without an argument it is `busybox:latest`. With each further image,
//! only the relays are measured. With `COMPOSE`, a group of six services is also started with
//! docker compose from the same file, and the containers of both are compared. `SOAK=1` adds 60
//! groups, one after the other, and 300 environments. It fails if a limit is not kept, or if
//! anything is left on the daemon or in this process. The load of the machine is printed, because
//! it decides about the times.

#![allow(clippy::print_stdout)] // it prints figures

mod bundle;
mod groups;
mod pooled;
mod relays;
mod services;
mod work_limit;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine_api::Docker;
use engine_api::containers::{
    ContainerFilters, CreateContainer, ListContainers, RemoveContainer, StartContainer,
};
use engine_api::images::ListImages;
use engine_api::networks::ListNetworks;
use engine_api::observe::CallReport;
use engine_api::volumes::ListVolumes;
use isolation::engines::docker::DockerEngine;
use isolation::{EngineChoice, EnvironmentId, EnvironmentSpec, Manager, ManagerOptions, Registry};

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A daemon, and names that no other program uses.
pub(crate) struct Daemon {
    pub(crate) docker: Docker,
    pub(crate) address: String,
    pub(crate) image: String,
    pub(crate) prefix: String,
}

impl Daemon {
    pub(crate) fn engine(&self) -> Outcome<DockerEngine> {
        Ok(DockerEngine::new(self.docker.clone()).with_prefix(&self.prefix)?)
    }

    pub(crate) fn manager_of(&self, engine: DockerEngine, pool: usize) -> Outcome<Manager> {
        let mut registry = Registry::new();
        registry.register(engine)?;
        let options = ManagerOptions {
            pool,
            ..ManagerOptions::default()
        };
        Ok(Manager::with_options(registry, options))
    }

    pub(crate) fn manager(&self) -> Outcome<Manager> {
        self.manager_of(self.engine()?, 0)
    }

    pub(crate) fn spec(&self) -> EnvironmentSpec {
        EnvironmentSpec {
            image: Some(self.image.clone()),
            ..EnvironmentSpec::default()
        }
    }

    /// Containers, networks, volumes and images with the prefix, and directories of this process.
    pub(crate) async fn left(&self) -> Outcome<Vec<String>> {
        let filters = ContainerFilters {
            name: [self.prefix.clone()].into(),
            ..ContainerFilters::default()
        };
        let containers = ListContainers {
            all: true,
            filters,
            ..ListContainers::default()
        };
        let mut names = Vec::new();
        for container in self.docker.containers().list(containers).await? {
            names.push(container.plain_name().to_owned());
        }
        let networks = self.docker.networks().list(ListNetworks::default()).await?;
        names.extend(networks.into_iter().map(|network| network.name));
        let volumes = self.docker.volumes().list(ListVolumes::default()).await?;
        names.extend(volumes.volumes.into_iter().map(|volume| volume.name));
        let images = self.docker.images().list(ListImages::default()).await?;
        names.extend(images.into_iter().flat_map(|image| image.repo_tags));
        for entry in std::fs::read_dir(std::env::temp_dir())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name.contains(&self.prefix));
        Ok(names)
    }
}

/// Figures and their limits.
#[derive(Default)]
pub(crate) struct Figures {
    missed: Vec<String>,
}

impl Figures {
    /// Prints a figure, and notes whether it is at most the limit.
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str) {
        let kept = figure <= limit;
        println!(
            "{what:<52} {figure:>9.2} {unit:<3} at most {limit:>8.2}  {}",
            if kept { "" } else { "MISSED" }
        );
        if !kept {
            self.missed.push(what.to_owned());
        }
    }

    /// Prints a figure, and notes whether it is at least the limit.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, limit: f64, unit: &str) {
        let kept = figure >= limit;
        println!(
            "{what:<52} {figure:>9.2} {unit:<4} at least {limit:>8.2}  {}",
            if kept { "" } else { "MISSED" }
        );
        if !kept {
            self.missed.push(what.to_owned());
        }
    }

    pub(crate) fn print(&self, what: &str, figure: f64, unit: &str) {
        println!("{what:<52} {figure:>9.2} {unit}");
    }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Ready without a pool, beside the bare creation and start of a container, in turns.
async fn creation(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let manager = daemon.manager()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..21 {
        let began = Instant::now();
        let environment = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
        let took = began.elapsed();
        environment.destroy().await?;
        let body = CreateContainer {
            image: daemon.image.clone(),
            name: Some(format!("{}bare{round}", daemon.prefix)),
            cmd: ["sleep", "1000"].into(),
            ..CreateContainer::default()
        };
        let containers = daemon.docker.containers();
        let began = Instant::now();
        let id = containers.create(body).await?.id;
        containers.start(&id, StartContainer::default()).await?;
        let took_bare = began.elapsed();
        let force = RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        };
        containers.remove(&id, force).await?;
        if round > 0 {
            ours.push(took);
            bare.push(took_bare);
        }
    }
    println!("requests of an environment: {}", requests(daemon).await?);
    let (ours, bare) = (ms(median(ours)), ms(median(bare)));
    figures.print("bare creation and start, p50", bare, "ms");
    figures.at_most("environment without pool, p50", ours, bare * 1.05, "ms");
    manager.shutdown().await?;
    Ok(())
}

/// The requests until an environment is ready, each with the time until its reply: why it takes
/// longer than a bare creation and start. The first environment has asked for the facts about the
/// daemon.
async fn requests(daemon: &Daemon) -> Outcome<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let docker = daemon.docker.clone().with_observer(move |call: &CallReport<'_>| {
        let text = format!("{} {:.1} ms", call.operation, ms(call.duration));
        noted.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    });
    let engine = DockerEngine::new(docker).with_prefix(&daemon.prefix)?;
    let manager = daemon.manager_of(engine, 0)?;
    let take = || std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let first = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
    first.destroy().await?;
    drop(take());
    let second = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
    let requests = take().join(", ");
    second.destroy().await?;
    manager.shutdown().await?;
    Ok(requests)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name the address of a Docker daemon")?;
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    let docker = Docker::with_address(&address.parse()?)?;
    let prefix = format!("figures_{}_", EnvironmentId::random().short());
    let daemon = Daemon {
        docker,
        address,
        image,
        prefix,
    };
    println!("load {}", load());
    let mut figures = Figures::default();
    creation(&daemon, &mut figures).await?;
    let before = descriptors();
    pooled::measure(&daemon, &mut figures).await?;
    work_limit::measure(&daemon, &mut figures).await?;
    services::measure(&daemon, &mut figures).await?;
    bundle::measure(&daemon, &mut figures).await?;
    for image in [daemon.image.clone()].into_iter().chain(arguments) {
        relays::measure(&daemon, &image, &mut figures).await?;
    }
    groups::measure(&daemon, &mut figures).await?;
    println!("load {}", load());
    let left = daemon.left().await?;
    if !left.is_empty() {
        return Err(format!("left on the daemon: {left:?}").into());
    }
    // Idle connections of the client stay open for a while.
    figures.at_most(
        "file descriptors more than before",
        descriptors().saturating_sub(before) as f64,
        32.0,
        "",
    );
    match figures.missed.is_empty() {
        true => Ok(()),
        false => Err(format!("missed: {}", figures.missed.join("; ")).into()),
    }
}
