//! The cost of one more command: with an exec, and in a command shell.
//!
//! ```sh
//! cargo run --release -p tests --example command_cost -- unix:///var/run/docker.sock [IMAGE...]
//! ```
//!
//! Both are measured in turns in one run, so compare the ratio; it fails if an exec is not at least
//! eight times as slow. Without images: those of `tests/engines images`, whose `sh` are ash, dash
//! and bash.

#![allow(clippy::print_stdout)] // it prints figures

use std::time::{Duration, Instant};

use engine_api::Docker;
use isolation::engines::docker::DockerEngine;
use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, Registry};

/// Rounds of one measurement.
const ROUNDS: usize = 10;
/// Commands of a round in the command shell.
const COMMANDS: u32 = 20;
/// The lowest ratio that is not a failure.
const LOWEST: f64 = 8.0;

/// The images of `tests/engines images`: an image for each shell.
const IMAGES: [&str; 3] = ["busybox:latest", "debian-dash:latest", "debian-bash:latest"];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn manager(engine: DockerEngine) -> Outcome<Manager> {
    let mut registry = Registry::new();
    registry.register(engine)?;
    Ok(Manager::new(registry))
}

async fn environment(manager: &Manager, image: &str) -> Outcome<Environment> {
    let spec = EnvironmentSpec {
        image: Some(image.to_owned()),
        ..EnvironmentSpec::default()
    };
    Ok(manager.create(&EngineChoice::Auto, spec).await?)
}

/// The time of one command, as the mean of some.
async fn time(environment: &Environment, commands: u32) -> Outcome<Duration> {
    let start = Instant::now();
    for _ in 0..commands {
        environment.run(Command::new(["true"])).await?;
    }
    Ok(start.elapsed() / commands)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Measures an image, prints a line, and returns the ratio.
async fn compare(docker: &Docker, image: &str) -> Outcome<f64> {
    let execs = manager(DockerEngine::new(docker.clone()).without_command_shells())?;
    let shells = manager(DockerEngine::new(docker.clone()))?;
    let (exec, shell) = (
        environment(&execs, image).await?,
        environment(&shells, image).await?,
    );
    let opening = time(&shell, 1).await?;
    let (mut of_exec, mut of_shell) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_exec.push(time(&exec, 1).await?);
        of_shell.push(time(&shell, COMMANDS).await?);
    }
    exec.destroy().await?;
    shell.destroy().await?;
    let (exec, shell) = (median(&mut of_exec), median(&mut of_shell));
    let ratio = exec.as_secs_f64() / shell.as_secs_f64();
    let rate = 1.0 / shell.as_secs_f64();
    println!("{image:20} {exec:9.2?} {shell:9.2?}  1/{ratio:<5.1} {opening:9.2?} {rate:9.0}");
    Ok(ratio)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name the address of a Docker daemon")?;
    let mut images: Vec<_> = arguments.collect();
    if images.is_empty() {
        images = IMAGES.map(str::to_owned).into();
    }
    let docker = Docker::with_address(&address.parse()?)?;
    println!("image                     exec     shell  ratio     first   per second");
    let mut lowest = f64::INFINITY;
    for image in images {
        lowest = lowest.min(compare(&docker, &image).await?);
    }
    if lowest < LOWEST {
        return Err(format!("an exec is only {lowest:.1} times as slow as a command shell").into());
    }
    Ok(())
}
