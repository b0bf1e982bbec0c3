//! Scenarios: functions that use an engine through a client and check the results.
//!
//! `tests/it` replays each scenario from recordings, and `tests/live` runs it on real engines. To
//! record it, it runs on a real engine with the recorder in between. So a scenario may not depend
//! on anything that differs between two runs, and it leaves the engine as it was.

// Scenarios are tests, but clippy exempts only functions that are marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod build;
pub mod builds;
pub mod checkpoints;
pub mod cluster;
pub mod containers;
pub mod differences;
pub mod distribution;
pub mod exec;
pub mod images;
pub mod isolation;
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
/// - `[fake]`: also runs on the fake engine. The other scenarios need features that it does not
///   have: builds and sessions, plugins, checkpoints, a swarm and its services, a registry with
///   credentials and manifests.
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
                store [fake] transfer [fake] platforms broken prune [fake] unreachable_registry [fake] refusals [fake]
            }
            plugins { store volume_driver transfer [registry] }
            ports { published }
            registry { login [registry] credentials [registry] build [registry] refusals [registry] platforms [registry] }
            system { about [fake] events [fake] auth [fake] }
            volumes { lifecycle [fake] in_use [fake] prune [fake] refusals [fake] }
            networks { lifecycle [fake] connect [fake] prune [fake] refusals [fake] }
            differences { requests secrets ended running }
            distribution { inspect [registry] }
            checkpoints { switched_off }
            builds { cancel session }
            swarm { outside manage secrets configs volumes }
            services { lifecycle update terminal }
        }
    };
}

/// Passes the list of the scenarios of [`patience`] to a macro, as `module { name … }`. Their
/// recordings include the delays of the engine.
#[macro_export]
macro_rules! for_each_slow_scenario {
    ($run:ident) => {
        $run! { patience { stop wait logs exec } }
    };
}

/// The image of every scenario; `tests/engines images` provides it.
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

/// A command that runs until it gets the signal `TERM`, and then ends at once.
pub const UNTIL_TOLD: &str = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";

/// The pause between writes to stdout and stderr: without it, their order is random.
pub const APART: &str = "sleep 0.2";

/// A directory for temporary files that no other run uses. The scenario creates it, and it is
/// removed at the end.
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
        // A scenario may fail before it has written a file.
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || !self.0.exists(), "{}", self.0.display());
    }
}

/// Sets the mode of a file, which would otherwise depend on the umask of this machine.
fn allow(path: &Path, mode: u32) {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// Creates a container and starts it. Returns its id.
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

/// Whether the engine is Podman. Scenarios ask only if the expected result depends on it.
pub async fn is_podman(docker: &Docker) -> Result<bool> {
    Ok(docker.system().ping().await?.is_podman())
}

/// Restarts an engine of `tests/engines`, as a service manager does: its data stays.
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
