//! Kills the owner of environments at random moments, and shows what runs half a second later; of
//! ten environments, after two seconds.
//!
//! ```sh
//! cargo build -p isolation-cli -p tests --bins
//! cargo run -p tests --example owner_killed -- unix:///var/run/docker.sock [SEED [MOMENTS]]
//! ```
//!
//! The owner is the program `owner` of this package or `isolate run`, without journal and reaper:
//! only the owner connection ends the containers. Stopped containers are removed at the end. Fails
//! if a container runs after that time.

#![allow(clippy::print_stdout)] // it prints a table

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_api::Docker;
use engine_api::containers::{ContainerSummary, ListContainers, RemoveContainer, RunState};
use tokio::time::sleep;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How long a container that runs on is watched.
const GIVE_UP: Duration = Duration::from_secs(10);

/// The longest time until an owner is killed.
const LATEST_MILLIS: u64 = 1500;

/// The work of an owner, its arguments, and the time in milliseconds after which nothing may run.
const WORK: [(&str, &str, u64); 4] = [
    ("create, start", "idle 1", 500),
    ("create, start, of ten", "idle 10", 2000),
    ("start attached", "main none sleep 1000", 500),
    ("isolate run", "", 500),
];

/// A random number generator that a seed determines.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A program beside the directory of this one.
fn program(name: &str) -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    let built = this.ancestors().nth(2).ok_or("this program has no directory")?;
    let found = built.join(name);
    match found.exists() {
        true => Ok(found),
        false => Err(format!("{} is missing; build it first", found.display()).into()),
    }
}

/// The command of an owner whose containers have this prefix.
fn owner(address: &str, prefix: &str, arguments: &str) -> Outcome<Command> {
    let mut command;
    if arguments.is_empty() {
        command = Command::new(program("isolate")?);
        command
            .args(["--host", address, "run", "--image", "busybox:latest", "--name"])
            .args([prefix, "--", "sleep", "1000"]);
    } else {
        command = Command::new(program("owner")?);
        command.args([address, prefix]).args(arguments.split(' '));
    }
    command
        .env("ISOLATE_REAPER", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

async fn containers(docker: &Docker, prefix: &str) -> Outcome<Vec<ContainerSummary>> {
    let all = ListContainers {
        all: true,
        ..ListContainers::default()
    };
    let mut listed = docker.containers().list(all).await?;
    listed.retain(|container| container.plain_name().contains(prefix));
    Ok(listed)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("name the address of a Docker daemon")?;
    let time = u64::from(std::time::UNIX_EPOCH.elapsed()?.subsec_nanos());
    let seed = arguments.next().map_or(Ok(time), |seed| seed.parse())?.max(1);
    let moments: usize = arguments.next().map_or(Ok(30), |count| count.parse())?;
    let docker = Docker::with_address(&address.parse()?)?;
    docker.version().await?;
    let mut random = Random(seed);
    println!("seed {seed}");
    println!(
        "{:24} {:>9}  {:8} {:8} {:8}",
        "work", "killed at", "existed", "ran", "later"
    );
    let mut failed = 0;
    for moment in 0..moments {
        let (work, given, ended) = WORK[moment % WORK.len()];
        let ended = Duration::from_millis(ended);
        let prefix = format!("killed{seed}x{moment}_");
        let after = Duration::from_millis(random.below(LATEST_MILLIS));
        let mut child = owner(&address, &prefix, given)?.spawn()?;
        sleep(after).await;
        child.kill()?;
        let killed = Instant::now();
        child.wait()?;
        let at_once = containers(&docker, &prefix).await?;
        sleep(ended.saturating_sub(killed.elapsed())).await;
        let later = containers(&docker, &prefix).await?;
        let running =
            |all: &[ContainerSummary]| all.iter().filter(|one| one.state == RunState::Running).count();
        println!(
            "{work:24} {:>6} ms  {:8} {:8} {}",
            after.as_millis(),
            at_once.len(),
            running(&at_once),
            running(&later)
        );
        failed += running(&later);
        if running(&later) > 0 {
            while running(&containers(&docker, &prefix).await?) > 0 && killed.elapsed() < GIVE_UP {
                sleep(Duration::from_millis(20)).await;
            }
            let time = killed.elapsed().as_millis();
            println!("{:24} ended after {time} ms", "");
        }
        // A request that was under way may still create one.
        sleep(ended).await;
        for left in containers(&docker, &prefix).await? {
            let options = RemoveContainer {
                force: true,
                volumes: true,
                ..RemoveContainer::default()
            };
            docker.containers().remove(&left.id, options).await?;
        }
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} containers ran on").into()),
    }
}
