//! Scenarios: what a user does with an engine, with everything that must come of it.
//!
//! Each is one function on a client. It is replayed from recordings (`tests/it`), run live
//! (`tests/live`), and recorded by running it live with the recorder in between. So it may depend on
//! nothing that differs between two runs, and leaves the engine as it found it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // scenarios are tests; clippy exempts only functions marked so

pub mod build;
pub mod builds;
pub mod checkpoints;
pub mod cluster;
pub mod containers;
pub mod differences;
pub mod distribution;
pub mod exec;
pub mod images;
pub mod networks;
pub mod patience;
pub mod plugins;
pub mod ports;
pub mod registry;
pub mod services;
pub mod spread;
pub mod swarm;
pub mod system;
pub mod volumes;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_api::containers::{CreateContainer, RemoveContainer};
use engine_api::{Docker, Result};

/// Passes the list of all scenarios to a macro, as `module { name [tag] … }`.
///
/// A tag is optional:
///
/// - `[fake]`: runs on the fake engine too. The other scenarios need what it does not have: builds and their
///   sessions, plugins, checkpoints, a swarm and its services, or a registry with credentials and manifests.
/// - `[registry]`: needs a registry when it runs on a real engine.
#[macro_export]
macro_rules! for_each_scenario {
    ($run:ident) => {
        $run! {
            build { classic buildkit refusals commit prune }
            containers {
                lifecycle [fake] look [fake] run [fake] logs [fake] attach [fake] files [fake] export [fake]
                prune [fake] refusals [fake] flood [fake]
            }
            exec { run [fake] stdin [fake] terminal [fake] detached [fake] }
            images {
                store [fake] transfer [fake] broken prune [fake] unreachable_registry [fake] refusals [fake]
            }
            plugins { store transfer [registry] }
            ports { published }
            registry { login [registry] credentials [registry] refusals [registry] platforms [registry] }
            system { about [fake] events [fake] auth [fake] }
            volumes { lifecycle [fake] in_use [fake] prune [fake] refusals [fake] }
            networks { lifecycle [fake] connect [fake] prune [fake] refusals [fake] }
            differences { requests secrets ended running }
            distribution { inspect [registry] }
            checkpoints { switched_off }
            builds { cancel session }
            swarm { outside manage secrets configs }
            services { lifecycle update terminal }
        }
    };
}

/// Passes the list of the scenarios of [`patience`] to a macro, as `module { name … }`. Their recordings
/// include the time that the engine took.
#[macro_export]
macro_rules! for_each_slow_scenario {
    ($run:ident) => {
        $run! { patience { stop wait logs exec } }
    };
}

/// The image that every scenario runs in; `tests/engines images` makes it.
pub const IMAGE: &str = "busybox:latest";

/// A container that runs a shell command.
pub fn shell(name: &str, command: &str) -> CreateContainer {
    CreateContainer {
        name: Some(format!("ptest_{name}")),
        image: IMAGE.into(),
        cmd: ["sh", "-c", command].into(),
        ..Default::default()
    }
}

/// A command that runs until it is told to stop, and then stops at once.
pub const UNTIL_TOLD: &str = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";

/// Between what is written to the two streams of a process: without a pause, they race.
pub const APART: &str = "sleep 0.2";

/// A folder for temporary files that no other run of a scenario uses; not made yet, and removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        static USED: AtomicUsize = AtomicUsize::new(0);
        let number = USED.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("ptest_{name}_{}_{number}", std::process::id())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A scenario may fail before anything was written.
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || !self.0.exists(), "{}", self.0.display());
    }
}

/// Creates a container and starts it; gives its id.
pub async fn started(docker: &Docker, container: CreateContainer) -> Result<String> {
    let id = docker.containers().create(container).await?.id;
    assert!(docker.containers().start(&id, Default::default()).await?);
    Ok(id)
}

/// Removes a container, running or not.
pub async fn remove(docker: &Docker, id: &str) -> Result<()> {
    let options = RemoveContainer {
        force: true,
        volumes: true,
        ..Default::default()
    };
    docker.containers().remove(id, options).await
}

/// Whether the engine is Podman; asked only where that decides what is right.
pub async fn is_podman(docker: &Docker) -> Result<bool> {
    Ok(docker.system().ping().await?.is_podman())
}

/// Ends an engine of `tests/engines` as a system does, and starts it with its data.
pub fn restart(name: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/engines");
    let status = std::process::Command::new(script)
        .args(["restart", name])
        .status();
    assert!(status.expect(script).success(), "{name} was not restarted");
}

/// Waits until a container has written `line`.
pub async fn has_written(docker: &Docker, id: &str, line: &str) -> Result<()> {
    let options = engine_api::containers::ReadLogs {
        follow: true,
        ..Default::default()
    };
    let mut output = docker.containers().logs(id, options).await?;
    let mut text = String::new();
    while !text.contains(line) {
        let Some(chunk) = output.next().await else {
            panic!("{line:?} is not in {text:?}")
        };
        text.push_str(&String::from_utf8_lossy(chunk?.bytes()));
    }
    Ok(())
}
