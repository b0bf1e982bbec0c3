//! What one more command costs: with an exec, and in a command shell.
//!
//! ```sh
//! cargo run --release -p tests --example command_cost -- unix:///var/run/docker.sock [IMAGE]
//! ```
//!
//! Both are measured in turns in one run, so compare the ratio. The image must be there.

#![allow(clippy::print_stdout)] // it prints figures

use std::time::{Duration, Instant};

use engine_api::Docker;
use isolation::engines::docker::DockerEngine;
use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, Registry};

/// Rounds of one measurement.
const ROUNDS: usize = 10;
/// Commands of a round in the command shell.
const COMMANDS: u32 = 20;

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

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name the address of a Docker daemon")?;
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    let docker = Docker::with_address(&address.parse()?)?;
    let execs = manager(DockerEngine::new(docker.clone()).without_command_shells())?;
    let shells = manager(DockerEngine::new(docker))?;
    let (exec, shell) = (
        environment(&execs, &image).await?,
        environment(&shells, &image).await?,
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
    let ratio = |time: Duration| time.as_secs_f64() / exec.as_secs_f64();
    println!("exec           {exec:9.2?}  1");
    println!("command shell  {shell:9.2?}  1/{:.1}", 1.0 / ratio(shell));
    println!("first command  {opening:9.2?}  {:.2}", ratio(opening));
    println!(
        "in a shell     {:9.0} commands per second",
        1.0 / shell.as_secs_f64()
    );
    Ok(())
}
