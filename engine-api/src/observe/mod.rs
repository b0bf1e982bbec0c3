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
//! A report has no query, header or body, so that it holds no secret. The feature `tracing` makes a
//! span of each call.

#[cfg(feature = "tracing")]
mod spans;

use std::time::Duration;

use crate::error::ErrorKind;
#[cfg(feature = "tracing")]
pub use spans::Spans;

/// Gets a report of each call of a client; see [`Docker::with_observer`](crate::Docker).
///
/// A function of a [`CallReport`] is an observer. It runs in the task of the call, so it must not
/// wait.
pub trait Observer: Send + Sync + 'static {
    /// A call begins. The function that is returned gets its report, once.
    fn begin(&self, call: &CallStart<'_>) -> OnEnd;
}

/// Gets the report of a call.
pub type OnEnd = Box<dyn FnOnce(&CallReport<'_>) + Send + Sync>;

impl<F: Fn(&CallReport<'_>) + Clone + Send + Sync + 'static> Observer for F {
    fn begin(&self, _call: &CallStart<'_>) -> OnEnd {
        Box::new(self.clone())
    }
}

/// A call that begins.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallStart<'a> {
    /// The `operationId` of the API description; `raw call` for a call by method and path.
    pub operation: &'static str,
    /// The name or id that it was called with.
    pub subject: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path in the API description, `/containers/{id}/json`; of a raw call the path itself,
    /// without the query.
    pub path: &'a str,
    /// The address of the engine, as in `DOCKER_HOST`.
    pub address: &'a str,
}

/// A call that has ended: its reply was read, or dropped, or failed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallReport<'a> {
    /// The `operationId` of the API description; `raw call` for a call by method and path.
    pub operation: &'static str,
    /// The name or id that it was called with.
    pub subject: Option<&'a str>,
    /// The HTTP method.
    pub method: &'a str,
    /// The path in the API description; of a raw call the path itself, without the query.
    pub path: &'a str,
    /// The HTTP status; `None` without a reply.
    pub status: Option<u16>,
    /// The kind of the error; `None` for a success, and for a call that was dropped.
    pub error: Option<ErrorKind>,
    /// Whether the reply was read to its end. A connection that was taken over counts as read when
    /// it begins.
    pub complete: bool,
    /// How often the request was sent; 0 if it failed before.
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
