//! A container's life, from create to remove.

use std::time::Duration;

use super::{
    ContainerCreated, ContainerExit, ContainerUpdated, Containers, ContainersPruned, CreateContainer,
    KillContainer, PruneContainers, RemoveContainer, RestartContainer, StartContainer, StopContainer,
    UpdateContainer, WaitCondition, checks,
};
use crate::Version;
use crate::error::Result;
use crate::wire::decode::{Changed, Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;

static CREATE: Operation<Json<ContainerCreated>> =
    Operation::post("ContainerCreate", "/containers/create").success(&[201]);
static START: Operation<Changed> =
    Operation::post("ContainerStart", "/containers/{id}/start").success(&[204, 304]);
static STOP: Operation<Changed> =
    Operation::post("ContainerStop", "/containers/{id}/stop").success(&[204, 304]);
static RESTART: Operation<Empty> =
    Operation::post("ContainerRestart", "/containers/{id}/restart").success(&[204]);
static KILL: Operation<Empty> = Operation::post("ContainerKill", "/containers/{id}/kill").success(&[204]);
static PAUSE: Operation<Empty> = Operation::post("ContainerPause", "/containers/{id}/pause").success(&[204]);
static UNPAUSE: Operation<Empty> =
    Operation::post("ContainerUnpause", "/containers/{id}/unpause").success(&[204]);
static RENAME: Operation<Empty> =
    Operation::post("ContainerRename", "/containers/{id}/rename").success(&[204]);
static UPDATE: Operation<Json<ContainerUpdated>> =
    Operation::post("ContainerUpdate", "/containers/{id}/update");
static WAIT: Operation<Json<ContainerExit>> =
    Operation::post("ContainerWait", "/containers/{id}/wait").slow();
static REMOVE: Operation<Empty> = Operation::delete("ContainerDelete", "/containers/{id}").success(&[204]);
static PRUNE: Operation<Json<ContainersPruned>> =
    Operation::post("ContainerPrune", "/containers/prune").slow();

pub(super) static OPERATIONS: [&OperationInfo; 12] = [
    &CREATE.info,
    &START.info,
    &STOP.info,
    &RESTART.info,
    &KILL.info,
    &PAUSE.info,
    &UNPAUSE.info,
    &RENAME.info,
    &UPDATE.info,
    &WAIT.info,
    &REMOVE.info,
    &PRUNE.info,
];

/// How long an engine waits before it kills, when neither the call nor the container says.
const GRACE: Duration = Duration::from_secs(10);

impl Containers<'_> {
    /// Makes a container; it does not run yet.
    ///
    /// Published ports ([`HostConfig::port_bindings`](super::HostConfig::port_bindings)) are exposed, too, for
    /// Docker publishes no other, and does not say so.
    ///
    /// # Errors
    ///
    /// 404 when the image is not there ([`crate::Error::is_not_found`]): pull it, then create again.
    /// 409 when the name is taken.
    pub async fn create(&self, mut container: CreateContainer) -> Result<ContainerCreated> {
        container.expose_published();
        self.docker
            .call(&CREATE)
            .query(container.query())
            .json(&container)
            .reject_if(checks::container(&container))
            .needs_all(checks::newer_fields(&container))
            .until_all(checks::older_fields(&container))
            .send()
            .await
    }

    /// Starts a container; `false` when it ran already.
    pub async fn start(&self, id: &str, options: StartContainer) -> Result<bool> {
        self.docker
            .call(&START)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Stops a container, by force after the grace period; `false` when it did not run.
    pub async fn stop(&self, id: &str, options: StopContainer) -> Result<bool> {
        let signal = !options.signal.is_empty();
        self.docker
            .call(&STOP)
            .at(id)
            .query(options.query())
            .needs(signal, "StopContainer::signal", Version::new(1, 42))
            .extend_timeout(grace(options.timeout))
            .send()
            .await
    }

    /// Stops a container and starts it again.
    pub async fn restart(&self, id: &str, options: RestartContainer) -> Result<()> {
        let signal = !options.signal.is_empty();
        self.docker
            .call(&RESTART)
            .at(id)
            .query(options.query())
            .needs(signal, "RestartContainer::signal", Version::new(1, 42))
            .extend_timeout(grace(options.timeout))
            .send()
            .await
    }

    /// Sends a signal to a container's first process, `SIGKILL` unless said.
    ///
    /// # Errors
    ///
    /// 409 when the container does not run.
    pub async fn kill(&self, id: &str, options: KillContainer) -> Result<()> {
        self.docker.call(&KILL).at(id).query(options.query()).send().await
    }

    /// Freezes all processes of a container.
    pub async fn pause(&self, id: &str) -> Result<()> {
        self.docker.call(&PAUSE).at(id).send().await
    }

    /// Lets a frozen container go on.
    pub async fn unpause(&self, id: &str) -> Result<()> {
        self.docker.call(&UNPAUSE).at(id).send().await
    }

    /// Gives a container another name.
    pub async fn rename(&self, id: &str, name: &str) -> Result<()> {
        let query = Query::new().text("name", name);
        self.docker
            .call(&RENAME)
            .at(id)
            .query(query)
            .reject_if(checks::name(name))
            .send()
            .await
    }

    /// Changes the limits or the restart policy of a container.
    pub async fn update(&self, id: &str, options: UpdateContainer) -> Result<ContainerUpdated> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .json(&options)
            .needs_all(checks::newer_in_update(&options))
            .until_all(checks::older_in_update(&options))
            .send()
            .await
    }

    /// Awaits the end of a container, and gives its exit code; a code other than 0 is no error.
    ///
    /// A container that ends before this call reaches the engine is missed by
    /// [`WaitCondition::NextExit`]; [`WaitCondition::NotRunning`] answers at once for it.
    pub async fn wait(&self, id: &str, until: WaitCondition) -> Result<ContainerExit> {
        self.docker.call(&WAIT).at(id).query(until.query()).send().await
    }

    /// Removes a container.
    ///
    /// # Errors
    ///
    /// 409 when it runs and `force` is not set, or when its removal is under way already.
    pub async fn remove(&self, id: &str, options: RemoveContainer) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Removes all stopped containers that pass the filters.
    pub async fn prune(&self, options: PruneContainers) -> Result<ContainersPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }
}

/// How much longer an engine may take to answer, given the seconds asked for; any time for "never kill".
fn grace(timeout: Option<i64>) -> Option<Duration> {
    match timeout {
        None => Some(GRACE),
        Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
    }
}
