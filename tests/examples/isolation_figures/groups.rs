//! A group of six services, beside docker compose on the same file; and many groups and
//! environments, one after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_api::containers::{Container, ContainerFilters, ListContainers};
use isolation::{ComposeFile, ComposeOptions, EngineChoice};

use super::{Daemon, Figures, Outcome, median, ms};

const ROUNDS: usize = 5;
const GROUPS: usize = 60;
const ENVIRONMENTS: usize = 300;

/// Six services with dependencies of each kind.
const FILE: &str = include_str!("compose.yaml");

fn options(daemon: &Daemon, name: &str) -> ComposeOptions {
    ComposeOptions {
        name: Some(name.to_owned()),
        variables: [("IMAGE", daemon.image.as_str())].into(),
        ..ComposeOptions::default()
    }
}

/// Starts the group and ends it; returns the time until all are ready.
async fn ours(daemon: &Daemon, file: &Path, name: &str) -> Outcome<(Duration, BTreeMap<String, String>)> {
    let manager = daemon.manager()?;
    let began = Instant::now();
    let compose = ComposeFile::read(file, &options(daemon, name))?;
    let group = Box::pin(manager.up(&EngineChoice::Auto, compose.group)).await?;
    let took = began.elapsed();
    let mut containers = BTreeMap::new();
    for (service, environment) in group.services() {
        let details = environment.inspect().await?.details;
        let id = details
            .get("container_id")
            .ok_or("the environment has no container")?;
        let found = daemon.docker.containers().inspect(id, Default::default()).await?;
        containers.insert(service.to_owned(), describe(&found));
    }
    group.down(Duration::ZERO).await?;
    manager.shutdown().await?;
    Ok((took, containers))
}

/// The properties that both must have in common.
fn describe(container: &Container) -> String {
    let config = &container.config;
    let own = |name: &&String| !name.starts_with("PATH=") && !name.starts_with("ISOLATION_");
    let mut env: Vec<&String> = config.env.iter().filter(own).collect();
    env.sort();
    let entrypoint = config.entrypoint.iter().flat_map(|words| words.iter());
    // A command of ours may be started by a shell that watches for the end of this process.
    let words: Vec<&String> = entrypoint.chain(config.cmd.iter()).collect();
    let command = words.last().map(|last| last.as_str()).unwrap_or_default();
    format!(
        "state {} code {} command {command:?} env {env:?} user {:?} directory {:?}",
        container.state.status, container.state.exit_code, config.user, config.working_dir
    )
}

async fn theirs(
    daemon: &Daemon,
    program: &str,
    file: &Path,
    name: &str,
) -> Outcome<(Duration, BTreeMap<String, String>)> {
    let run = |arguments: &[&str]| -> Outcome<()> {
        let mut command = Command::new(program);
        command
            .arg("--project-name")
            .arg(name)
            .arg("--file")
            .arg(file)
            .args(arguments);
        command
            .env("DOCKER_HOST", &daemon.address)
            .env("IMAGE", &daemon.image);
        let ended = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
        match ended.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()),
        }
    };
    let began = Instant::now();
    let up = run(&["up", "--wait"]);
    let took = began.elapsed();
    let filters = ContainerFilters {
        label: [format!("com.docker.compose.project={name}")].into(),
        ..ContainerFilters::default()
    };
    let all = ListContainers {
        all: true,
        filters,
        ..ListContainers::default()
    };
    let mut containers = BTreeMap::new();
    for listed in daemon.docker.containers().list(all).await? {
        let found = daemon
            .docker
            .containers()
            .inspect(&listed.id, Default::default())
            .await?;
        let service = found.config.labels.get("com.docker.compose.service").cloned();
        containers.insert(service.unwrap_or_default(), describe(&found));
    }
    run(&["down", "--timeout", "0"])?;
    // It counts a service that has ended as not running, also with code 0.
    if containers.len() != 6 {
        up?;
    }
    Ok((took, containers))
}

pub(crate) async fn measure(daemon: &Daemon, figures: &mut Figures) -> Outcome<()> {
    let directory = std::env::temp_dir().join(daemon.prefix.replace('_', "-"));
    std::fs::create_dir_all(&directory)?;
    let measured = in_directory(daemon, figures, &directory).await;
    std::fs::remove_dir_all(&directory)?;
    measured
}

async fn in_directory(daemon: &Daemon, figures: &mut Figures, directory: &Path) -> Outcome<()> {
    let file = directory.join("compose.yaml");
    std::fs::write(&file, FILE)?;
    let name = daemon.prefix.replace('_', "");
    let compose = std::env::var("COMPOSE").ok();
    let (mut of_ours, mut of_theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (took, ours) = ours(daemon, &file, &name).await?;
        of_ours.push(took);
        if let Some(program) = &compose {
            let (took, theirs) = theirs(daemon, program, &file, &name).await?;
            of_theirs.push(took);
            if ours != theirs {
                return Err(format!("the containers differ:\n{ours:#?}\n{theirs:#?}").into());
            }
        }
    }
    let what = "group of six services, p50";
    match compose {
        Some(_) => {
            let theirs = ms(median(of_theirs));
            figures.print("docker compose up --wait, p50", theirs, "ms");
            figures.at_most(what, ms(median(of_ours)), theirs, "ms");
        }
        None => figures.print(what, ms(median(of_ours)), "ms"),
    }
    if std::env::var_os("SOAK").is_some() {
        soak(daemon, &file, &name).await?;
    }
    Ok(())
}

/// Leftovers are counted at the end of the program.
async fn soak(daemon: &Daemon, file: &Path, name: &str) -> Outcome<()> {
    let began = Instant::now();
    for _ in 0..GROUPS {
        ours(daemon, file, name).await?;
    }
    println!("{GROUPS} groups in {:.0} s", began.elapsed().as_secs_f64());
    let (began, manager) = (Instant::now(), daemon.manager()?);
    for _ in 0..ENVIRONMENTS {
        let environment = manager.create(&EngineChoice::Auto, daemon.spec()).await?;
        environment.run(isolation::Command::new(["true"])).await?;
        environment.destroy().await?;
    }
    manager.shutdown().await?;
    println!(
        "{ENVIRONMENTS} environments in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
