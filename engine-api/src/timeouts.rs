//! How long a call may take, part by part.

use std::time::Duration;

/// Timeouts of a call; `None` is no limit.
///
/// Four limits, because one cannot serve both a ping and a log that is followed for a day (each has
/// its own [`Phase`](crate::error::Phase) in the error). The engine's own work is not bounded by
/// default: operations that may think for long (pull, commit, wait …) have no limit on the head, and
/// `stop` and `restart` get theirs extended by the grace period they ask for.
///
/// ```
/// use std::time::Duration;
/// use engine_api::{Docker, Timeouts};
///
/// # #[cfg(unix)] {
/// let docker = Docker::unix("/var/run/docker.sock")
///     .with_timeouts(Timeouts { total: Some(Duration::from_millis(500)), ..Timeouts::default() });
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For opening a connection. Default: 10 seconds.
    pub connect: Option<Duration>,
    /// From the request to the head of the reply. Default: 2 minutes, but none where the engine may
    /// work for long before it answers.
    pub head: Option<Duration>,
    /// Between two pieces of a body or stream. Default: none.
    pub idle: Option<Duration>,
    /// For the whole call, its body or stream included. Default: none.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(Duration::from_secs(10)),
            head: Some(Duration::from_secs(120)),
            idle: None,
            total: None,
        }
    }
}

impl Timeouts {
    /// No limit at all.
    pub const NONE: Self = Self {
        connect: None,
        head: None,
        idle: None,
        total: None,
    };
}
