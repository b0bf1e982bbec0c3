//! How long a call may take, part by part.

use std::time::Duration;

/// Timeouts of a call; `None` waits without a limit.
///
/// There are four, because one cannot fit both a ping and a log that is followed for a day. Each
/// has its own [`Phase`](crate::error::Phase) in the error. The time that the engine works is not
/// limited by default: slow operations (pull, commit, wait …) have no timeout on the head, and that
/// of `stop` and `restart` is extended by their grace period.
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
    /// No timeouts.
    pub const NONE: Self = Self {
        connect: None,
        head: None,
        idle: None,
        total: None,
    };
}
