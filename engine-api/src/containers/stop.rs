//! Stopping, restarting and killing a container.

use crate::wire::query::Query;

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
