//! The cost of `isolate run` beside `docker run --rm`.
//!
//! ```sh
//! cargo build --release -p isolation-cli
//! cargo run --release -p tests --example run_cost -- ADDRESS DOCKER [IMAGE [ROUNDS]]
//! ```
//!
//! ADDRESS is a Docker daemon, DOCKER the docker command. All of them run `true` in turns in one
//! run, so compare the ratio. The image must be there.

#![allow(clippy::print_stdout)] // it prints figures

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The program `isolate` beside the directory of this one.
fn isolate() -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    let built = this.ancestors().nth(2).ok_or("this program has no directory")?;
    let found = built.join("isolate");
    match found.exists() {
        true => Ok(found),
        false => Err(format!("{} is missing; build it first", found.display()).into()),
    }
}

fn time(command: &mut Command) -> Outcome<Duration> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    match status.success() {
        true => Ok(start.elapsed()),
        false => Err(format!("{command:?}: {status}").into()),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: run_cost ADDRESS DOCKER [IMAGE [ROUNDS]]";
    let (address, docker) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    let rounds: usize = arguments.next().map_or(Ok(15), |rounds| rounds.parse())?;
    let isolate = isolate()?;
    let of_docker = |network: &[&str]| {
        let mut command = Command::new(&docker);
        command
            .args(["--host", &address, "run", "--rm"])
            .args(network)
            .args([&image, "true"]);
        command
    };
    let ours = |network: &[&str]| {
        let mut command = Command::new(&isolate);
        command.env("DOCKER_HOST", &address);
        command
            .args(["run", "-q", "--engine", "docker", "--image", &image])
            .args(network);
        command.args(["--", "true"]);
        command
    };
    let none = ["--network", "none"];
    let mut commands = [
        ("docker run --rm", of_docker(&[])),
        ("isolate run", ours(&[])),
        ("docker run --rm, no network", of_docker(&none)),
        ("isolate run, no network", ours(&none)),
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for ((_, command), times) in commands.iter_mut().zip(&mut times) {
            times.push(time(command)?);
        }
    }
    let medians = times.map(|mut times| median(&mut times));
    for ((name, _), time) in commands.iter().zip(medians) {
        let ratio = time.as_secs_f64() / medians[0].as_secs_f64();
        println!("{name:28} {time:9.1?}  {ratio:.2}");
    }
    Ok(())
}
