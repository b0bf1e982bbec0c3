//! The cost of environments beside the bare calls, and what remains of them in the process.
//!
//! ```sh
//! cargo run --release -p tests --example environment_cost -- unix:///var/run/docker.sock [IMAGE]
//! cargo run --release -p tests --example environment_cost -- fake
//! ```
//!
//! With a daemon: 100 environments, 8 at the same time, are created, used and destroyed, in turns
//! with the bare calls. It fails below 0.95 of their throughput. With `fake`: 2,000 environments on
//! the engine in memory. Both fail if file descriptors or memory remain (known on Linux).

#![allow(clippy::print_stdout)] // it prints figures

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RemoveContainer, StartContainer};
use engine_api::exec::{CreateExec, StartExec};
use fake_engine::FakeEngine;
use isolation::engines::docker::DockerEngine;
use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many environments exist at the same time.
const IN_FLIGHT: usize = 8;
/// Environments of one round, and rounds: 100 in all.
const ROUND: usize = 20;
const ROUNDS: usize = 5;
/// The lowest throughput, as a part of that of the bare calls.
const LOWEST: f64 = 0.95;
/// Environments on the engine in memory.
const CYCLES: usize = 2000;
/// The most memory that may remain, in pages: the allocator keeps some.
const PAGES: usize = 1024;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One environment: created, used, destroyed.
async fn environment(manager: Arc<Manager>, image: String) -> Outcome<()> {
    let spec = EnvironmentSpec {
        image: Some(image),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    let output = environment.run(Command::new(["true"])).await?;
    environment.destroy().await?;
    match output.exit.success() {
        true => Ok(()),
        false => Err(output.exit.to_string().into()),
    }
}

/// The same with the client alone.
async fn bare(docker: Docker, image: String) -> Outcome<()> {
    let containers = docker.containers();
    let body = CreateContainer {
        image,
        cmd: ["sleep", "1000"].into(),
        ..CreateContainer::default()
    };
    let id = containers.create(body).await?.id;
    containers.start(&id, StartContainer::default()).await?;
    let options = CreateExec {
        cmd: ["true"].into(),
        attach_stdout: true,
        attach_stderr: true,
        ..CreateExec::default()
    };
    let exec = docker.execs().create(&id, options).await?.id;
    let started = docker.execs().start(&exec, StartExec::default()).await?;
    started.output.collect().await?;
    docker.execs().wait(&exec).await?;
    let force = RemoveContainer {
        force: true,
        ..RemoveContainer::default()
    };
    Ok(containers.remove(&id, force).await?)
}

/// Does something `count` times, some of them at the same time; returns the time.
async fn all<F: Future<Output = Outcome<()>> + Send + 'static>(
    count: usize,
    work: impl Fn() -> F,
) -> Outcome<Duration> {
    let began = Instant::now();
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let place = Arc::clone(&places).acquire_owned().await?;
        let one = work();
        tasks.spawn(async move {
            let done = one.await;
            drop(place);
            done
        });
        while let Some(done) = tasks.try_join_next() {
            done??;
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(began.elapsed())
}

/// The open file descriptors and the pages of memory of this process; zeros where unknown.
fn kept() -> (usize, usize) {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let memory = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = memory.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    (files, pages.unwrap_or(0))
}

/// Fails if more remains than before.
fn check(before: (usize, usize), after: (usize, usize)) -> Outcome<()> {
    println!("file descriptors {} -> {}", before.0, after.0);
    println!("pages of memory  {} -> {}", before.1, after.1);
    // Idle connections of the pool stay open for a while.
    match after.0 > before.0 + IN_FLIGHT || after.1 > before.1 + PAGES {
        true => Err("file descriptors or memory remain".into()),
        false => Ok(()),
    }
}

fn manager(docker: Docker) -> Outcome<Arc<Manager>> {
    let mut registry = Registry::new();
    registry.register(DockerEngine::new(docker))?;
    Ok(Arc::new(Manager::new(registry)))
}

async fn on_fake_engine() -> Outcome<()> {
    let image = "busybox:latest";
    let fake = FakeEngine::new().with_image(image);
    let manager = manager(Docker::with_connector(fake.clone()))?;
    let cycle = || environment(Arc::clone(&manager), image.to_owned());
    all(CYCLES / 10, cycle).await?;
    fake.reset();
    let before = kept();
    for _ in 0..10 {
        all(CYCLES / 10, cycle).await?;
        // Its list of requests.
        fake.reset();
    }
    check(before, kept())
}

async fn on_daemon(docker: Docker, image: &str) -> Outcome<()> {
    let manager = manager(docker.clone())?;
    let ours = || environment(Arc::clone(&manager), image.to_owned());
    let theirs = || bare(docker.clone(), image.to_owned());
    all(IN_FLIGHT, ours).await?;
    all(IN_FLIGHT, theirs).await?;
    let before = kept();
    let (mut of_ours, mut of_theirs) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..ROUNDS {
        of_ours += all(ROUND, ours).await?;
        of_theirs += all(ROUND, theirs).await?;
    }
    let per_second = |time: Duration| (ROUND * ROUNDS) as f64 / time.as_secs_f64();
    let ratio = of_theirs.as_secs_f64() / of_ours.as_secs_f64();
    println!("environments  {:6.2} per second", per_second(of_ours));
    println!("bare calls    {:6.2} per second", per_second(of_theirs));
    println!("throughput    {ratio:6.2}");
    check(before, kept())?;
    match ratio < LOWEST {
        true => Err("the throughput is too low".into()),
        false => Ok(()),
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .ok_or("name the address of a Docker daemon, or fake")?;
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    match address.as_str() {
        "fake" => on_fake_engine().await,
        address => on_daemon(Docker::with_address(&address.parse()?)?, &image).await,
    }
}
