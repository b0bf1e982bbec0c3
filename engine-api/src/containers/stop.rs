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
}

/// How to stop a container. Query of `ContainerStop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopContainer {
    /// The signal to send, by name or number; empty is the container's own. Since API 1.42.
    pub signal: String,
    /// Seconds until it is killed; `None` is the container's own, -1 waits for ever.
    pub timeout: Option<i64>,
}

impl StopContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("signal", &self.signal).maybe("t", self.timeout)
    }
}

/// How to stop a container before it is started again. Query of `ContainerRestart`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartContainer {
    /// The signal to send, by name or number; empty is the container's own. Since API 1.42.
    pub signal: String,
    /// Seconds until it is killed; `None` is the container's own, -1 waits for ever.
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
    /// The signal to send, by name or number; empty is `SIGKILL`.
    pub signal: String,
}

impl KillContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new().text("signal", &self.signal)
    }
}

/// How long an engine waits before it kills, when neither the call nor the container says.
const GRACE: Duration = Duration::from_secs(10);

/// How much longer an engine may take to answer, given the seconds asked for; any time for "never kill".
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
    fn no_time_and_no_limit_are_both_sent() {
        let stop = |timeout| StopContainer {
            signal: "SIGINT".into(),
            timeout,
        };
        assert_eq!(stop(Some(0)).query().as_str(), "signal=SIGINT&t=0");
        assert_eq!(stop(Some(-1)).query().as_str(), "signal=SIGINT&t=-1");
        assert_eq!(stop(None).query().as_str(), "signal=SIGINT");
    }
}
