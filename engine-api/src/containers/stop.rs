//! Stopping, restarting and killing a container.

use std::time::Duration;

use super::Containers;
use crate::Version;
use crate::error::Result;
use crate::wire::decode::{Changed, Empty};
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static STOP: Operation<Changed> =
    Operation::post("ContainerStop", "/containers/{id}/stop").success(&[204, 304]);
pub(super) static RESTART: Operation<Empty> =
    Operation::post("ContainerRestart", "/containers/{id}/restart").success(&[204]);
pub(super) static KILL: Operation<Empty> =
    Operation::post("ContainerKill", "/containers/{id}/kill").success(&[204]);

impl Containers<'_> {
    /// Stops a container, and kills it after the grace period; returns `false` if it was not
    /// running.
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

    /// Restarts a container: stops it like [`Containers::stop`], then starts it.
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

    /// Sends a signal to a container's main process; by default `SIGKILL`.
    ///
    /// # Errors
    ///
    /// 409 when the container is not running.
    pub async fn kill(&self, id: &str, options: KillContainer) -> Result<()> {
        self.docker.call(&KILL).at(id).query(options.query()).send().await
    }
}

/// How to stop a container. Query of `ContainerStop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopContainer {
    /// Signal, by name or number; empty is the container's own. Since API 1.42.
    pub signal: String,
    /// Seconds until it is killed; `None` is the container's own timeout, -1 means no timeout.
    pub timeout: Option<i64>,
}

impl StopContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("signal", &self.signal).maybe("t", self.timeout)
    }
}

/// How to restart a container. Query of `ContainerRestart`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartContainer {
    /// Signal, by name or number; empty is the container's own. Since API 1.42.
    pub signal: String,
    /// Seconds until it is killed; `None` is the container's own timeout, -1 means no timeout.
    pub timeout: Option<i64>,
}

impl RestartContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("signal", &self.signal).maybe("t", self.timeout)
    }
}

/// How to kill a container. Query of `ContainerKill`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KillContainer {
    /// Signal, by name or number; empty is `SIGKILL`.
    pub signal: String,
}

impl KillContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("signal", &self.signal)
    }
}

/// The default time that an engine waits before it kills.
const GRACE: Duration = Duration::from_secs(10);

/// The additional time for the reply, from the requested seconds. `None` means no timeout, if the
/// engine never kills the container.
fn grace(timeout: Option<i64>) -> Option<Duration> {
    match timeout {
        None => Some(GRACE),
        Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_sends_timeouts_of_zero_and_of_minus_one() {
        let stop = |timeout| StopContainer {
            signal: "SIGINT".into(),
            timeout,
        };
        assert_eq!(stop(Some(0)).query().as_str(), "signal=SIGINT&t=0");
        assert_eq!(stop(Some(-1)).query().as_str(), "signal=SIGINT&t=-1");
        assert_eq!(stop(None).query().as_str(), "signal=SIGINT");
    }
}
