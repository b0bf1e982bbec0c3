//! Reports of calls: the operation, its status, the attempts, the time and the bytes.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::observe::CallReport;
//!
//! # async fn demo() -> engine_api::Result<()> {
//! let docker = Docker::from_env().await?.with_observer(|call: &CallReport<'_>| {
//!     eprintln!("{} {:?} {:?}", call.operation, call.status, call.duration);
//! });
//! # Ok(())
//! # }
//! ```
//!
//! A report contains no query, header or body, so it contains no secret. The feature `tracing`
//! creates a span for each call.

#[cfg(feature = "tracing")]
mod spans;

use std::time::Duration;

use crate::error::ErrorKind;
#[cfg(feature = "tracing")]
pub use spans::Spans;

/// Receives a report of each call of a client; see [`Docker::with_observer`](crate::Docker).
///
/// A function of a [`CallReport`] is an observer. It runs in the task of the call, so it must not
/// wait.
pub trait Observer: Send + Sync + 'static {
    /// Called at the start of a call. The returned function is called once, with the report.
    fn begin(&self, call: &CallStart<'_>) -> OnEnd;
}

/// Receives the report of a call.
pub type OnEnd = Box<dyn FnOnce(&CallReport<'_>) + Send + Sync>;

impl<F: Fn(&CallReport<'_>) + Clone + Send + Sync + 'static> Observer for F {
    fn begin(&self, _call: &CallStart<'_>) -> OnEnd {
        Box::new(self.clone())
    }
}

/// A call at its start.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallStart<'a> {
    /// The `operationId` of the API description; `raw call` for a call by method and path.
    pub operation: &'static str,
    /// The name or ID of its subject.
    pub subject: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path in the API description, `/containers/{id}/json`; of a raw call the path itself,
    /// without the query.
    pub path: &'a str,
    /// The address of the engine in the format of `DOCKER_HOST`.
    pub address: &'a str,
}

/// A finished call: its reply was read or dropped, or it failed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallReport<'a> {
    /// The `operationId` of the API description; `raw call` for a call by method and path.
    pub operation: &'static str,
    /// The name or ID of its subject.
    pub subject: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path in the API description; of a raw call the path itself, without the query.
    pub path: &'a str,
    /// The HTTP status; `None` without a reply.
    pub status: Option<u16>,
    /// The kind of the error; `None` for a success and for a dropped call.
    pub error: Option<ErrorKind>,
    /// Whether the reply was read to its end. A hijacked connection counts as read from its start.
    pub complete: bool,
    /// The number of attempts; 0 if it failed before the request was sent.
    pub attempts: u32,
    /// The time until the head of the reply.
    pub head: Option<Duration>,
    /// The time until the end.
    pub duration: Duration,
    /// Bytes of the request's body.
    pub sent: u64,
    /// Bytes of the reply's body.
    pub received: u64,
}
