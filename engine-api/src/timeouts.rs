//! Timeouts of the parts of a call.

use std::time::Duration;

/// Timeouts of a call; `None` means no timeout.
///
/// There are four, because a single timeout cannot suit both a ping and a log that is followed for
/// a day. Each has its own [`Phase`](crate::error::Phase) in the error. The work of the engine has
/// no timeout by default: slow operations (pull, commit, wait …) have no timeout of the head, and
/// the timeout of `stop` and `restart` includes their grace period.
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
    /// Timeout of opening a connection. Default: 10 seconds.
    pub connect: Option<Duration>,
    /// Timeout from the request to the head of the reply. Default: 2 minutes; no timeout for
    /// operations that may take long before the reply.
    pub head: Option<Duration>,
    /// Timeout between two pieces of a body or stream. Default: no timeout.
    pub idle: Option<Duration>,
    /// Timeout of the whole call, including its body or stream. Default: no timeout.
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
