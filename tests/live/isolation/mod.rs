//! The docker engine of `isolation`.

mod cleanup; // dropped and destroyed environments leave nothing behind
mod command_shells; // commands in command shells: how they start and end
mod command_table; // commands whose result does not depend on how they are run
mod commands; // commands, and how they end
mod compose; // what the keys of a compose file do
mod copies_to_mounts; // copies to places that the daemon does not see, or that are the host's
mod create; // created containers, and specifications that are rejected
mod disruption; // a daemon that hangs, or is restarted, during each kind of call
mod expose_host; // services of this machine inside, ports of internal networks
mod failures; // planted failures whose cause is named
mod files; // copies and mounts
mod group_resources; // groups with builds, several networks, volumes
mod groups; // services that start in order, on a network of their own
mod health; // health checks: who runs them, and what a failure says
mod images; // builds, names, archives, registries, removal
mod killed_state; // what dropped, failed and killed snapshots, forks and migrations leave
mod lifecycle; // stop, start, main processes, environments of other processes
mod limits; // limits, and what happens at a limit
mod locks; // locks, and the packages that they add
mod main_process; // main processes with their streams, and images without a shell
mod migrate; // between engines, and between daemons
mod migrated_files; // owners, bits, names and pipes that a migration keeps
mod networks; // their subnets, who is on them, partitions
mod odd_files; // names, links, times and attributes that a snapshot keeps
mod odd_images; // an unusual PATH, no shell, other shells
mod odd_shells; // variables, files and processes that could disturb a command shell
mod owner; // containers end with the process that owns them
mod owner_ends; // whatever ends an owner, nothing of it is left: by connection, reaper, gc
mod owner_far; // owners of a daemon on another machine: over TCP and ssh
mod pause; // paused and renamed environments, ends that race with calls
mod pool; // environments that are prepared ahead, and many at once
mod random_command; // random commands whose result does not depend on how they are run
mod reached; // names on networks, ports after a restart, what an internal network does not reach
mod renamed; // containers that somebody else has renamed
mod rotated_logs; // lines that a follower of a rotated log does not get
#[cfg(target_os = "linux")]
mod same_image; // one image on docker and sandbox: files, variables, users
mod security; // what a program can do in each security profile
mod served; // the engine of another process, through the protocol
mod services; // ports, logs, metrics, readiness
mod shared_networks; // environments that have the network of another one
mod shell_ends; // what ends a command shell, or keeps it from running a command
mod shell_or_exec; // commands in shells have the same results as with an exec
mod signals; // signals of `isolate run`, which the command in the container gets first
mod snapshots; // snapshots and forks of containers
mod state_walk; // random snapshots, forks, restores and migrations
mod supervision; // the health check and restarts
mod volumes; // archives of them, copies, mounts
mod watch; // events about what the daemon sees
mod within_container; // the engine sandbox in a container

use std::sync::Arc;

use engine_api::images::{ImportImage, RemoveImage};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, CommandOutput, EngineChoice, Environment, EnvironmentId, EnvironmentSpec, Manager, Registry,
    Result, conformance,
};

use crate::support::{IMAGE, Subject, engines, one_line};

/// The docker engine on a Docker daemon, and a prefix for container names that no other test uses.
fn engine(subject: &Subject) -> (DockerEngine, String) {
    let prefix = format!("live_{}_", EnvironmentId::random().short());
    let engine = DockerEngine::new(subject.docker.clone());
    (engine.with_prefix(&prefix).unwrap(), prefix)
}

/// A manager with one engine.
fn manager_of(engine: DockerEngine) -> Manager {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    Manager::new(registry)
}

/// A manager of an [`engine`], and the prefix.
fn manager(subject: &Subject) -> (Manager, String) {
    let (engine, prefix) = engine(subject);
    (manager_of(engine), prefix)
}

/// A specification with the image that every daemon has.
fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        ..EnvironmentSpec::default()
    }
}

/// A specification with another image.
fn of_image(image: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(image.to_owned()),
        ..EnvironmentSpec::default()
    }
}

/// Each Docker daemon with each image: the `sh` of each image is another shell.
fn shells() -> impl Iterator<Item = (Subject, &'static str)> {
    let of = |image| engines().into_iter().map(move |subject| (subject, image));
    shell_or_exec::IMAGES.into_iter().flat_map(of)
}

async fn create(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    manager.create(&EngineChoice::Auto, spec).await
}

async fn active(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", one_line(&error)))
}

/// An environment whose main process has run to its end, and the output of that process.
async fn ended(manager: &Manager, spec: EnvironmentSpec) -> (Environment, CommandOutput) {
    let selection = manager.select(&EngineChoice::Auto, &spec).await.unwrap();
    let environment = manager.create_unstarted(&selection, spec).await.unwrap();
    let output = environment.start_attached().await.unwrap().output().await;
    (environment, output.unwrap())
}

/// Imports an image without a shell, whose only programs are `echo`, `cat`, `sleep`, `env` and
/// `nc` in `/only`. Returns its name.
async fn image_without_a_shell(subject: &Subject) -> String {
    let (manager, prefix) = manager(subject);
    let busybox = active(&manager, spec()).await;
    let script = "mkdir -p /r/only /r/proc /r/dev /r/etc && cd /r && \
                  for p in echo cat sleep env nc; do cp /bin/busybox only/$p; done && tar -cf /r.tar . ";
    sh(&busybox, script).await;
    let directory = tempfile::tempdir().unwrap();
    let tar = directory.path().join("r.tar");
    busybox.copy_out("/r.tar", &tar).await.unwrap();
    busybox.destroy().await.unwrap();
    let image = format!("{prefix}noshell").to_lowercase();
    let import = ImportImage {
        repo: image.clone(),
        changes: vec!["ENV PATH=/only".to_owned()],
        ..ImportImage::default()
    };
    let tar = std::fs::read(tar).unwrap();
    let imported = subject.docker.images().import(tar, import).await.unwrap();
    imported.last().await.unwrap();
    image
}

async fn remove_image(subject: &Subject, image: &str) {
    let removed = subject
        .docker
        .images()
        .remove(image, RemoveImage::default())
        .await;
    removed.unwrap();
}

/// Runs a script that must succeed, and returns its output.
async fn sh(environment: &Environment, script: &str) -> String {
    let output = environment.run(Command::shell(script)).await;
    let output = output.unwrap_or_else(|error| panic!("{script}: {}", one_line(&error)));
    let err = output.stderr_text();
    assert!(output.exit.success(), "{script}: {}: {err}", output.exit);
    output.stdout_text().trim_end().to_owned()
}

async fn failures(subject: &Subject) -> Vec<String> {
    let (engine, prefix) = engine(subject);
    let report = conformance::check(Arc::new(engine), &spec).await;
    subject.until_nothing_is_left(&prefix).await;
    let line = |check: &str, why: &str| format!("{}: {check}: {why}", subject.name);
    let failed = report.failed.iter();
    failed.map(|failure| line(failure.check, &failure.why)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_suite_passes() {
    let mut failed = Vec::new();
    for subject in engines() {
        failed.extend(failures(&subject).await);
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// It finds calls that block the runtime. These are the same with every daemon, so one is enough.
#[tokio::test]
async fn conformance_suite_passes_on_one_thread() {
    let subject = &engines()[0];
    let failed = failures(subject).await;
    assert!(failed.is_empty(), "{failed:#?}");
}
