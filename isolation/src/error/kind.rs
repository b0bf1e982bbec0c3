//! The kinds of errors.

use serde::{Deserialize, Serialize};

/// The kinds of errors, for programs that react to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is invalid; nothing was done.
    InvalidInput,
    /// The engine does not support a feature that was requested; nothing was done.
    Unsupported,
    /// No registered engine has this name, or none supports this environment here.
    NoEngine,
    /// The engine cannot be used on this machine now.
    Unavailable,
    /// The status of the environment does not allow the call.
    WrongStatus,
    /// The environment, the file or the directory does not exist.
    NotFound,
    /// The name is in use, or another call is working on the object.
    Conflict,
    /// A call has reached its timeout.
    Timeout,
    /// Another process removed the environment.
    Lost,
    /// The environment did not become healthy.
    Unhealthy,
    /// The environment was restarted automatically since the last call. This error is returned
    /// once; the call can be repeated.
    Restarted,
    /// A process was killed at the memory limit.
    OutOfMemory,
    /// Stored data cannot be read, such as the specification of an environment.
    Corrupt,
    /// A path is outside the environment.
    OutsideEnvironment,
    /// A file operation on this machine failed.
    Io,
    /// The engine reported an error of another kind.
    Engine,
    /// The manager is shut down and creates no more environments.
    ShutDown,
    /// The caller has cancelled the call; its changes were undone as far as possible.
    Cancelled,
    /// Several errors occurred during cleanup; see [`Error::failures`](crate::Error::failures).
    Cleanup,
}
