//! The parameters of commands, files, ports and logs.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::WINDOW;
use super::data::Data;
use crate::command::Command;
use crate::command::signal::Signal;
use crate::command::terminal::TerminalSize;
use crate::events::rfc3339;
use crate::logs::{LogOptions, LogOrigin, OutputStream};
use crate::spec::limits::ResourceLimits;
use crate::spec::units;
use crate::spec::wait_for::WaitFor;

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    /// The environment.
    pub(crate) environment: String,
    /// The command.
    pub(crate) command: Command,
    /// The number of output bytes that may be sent before the first `more`.
    #[serde(default = "window")]
    pub(crate) window: u32,
}

pub(crate) fn window() -> u32 {
    WINDOW
}

/// The main process, with its output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Attach {
    /// The environment.
    pub(crate) environment: String,
    /// The number of output bytes that may be sent before the first `more`.
    #[serde(default = "window")]
    pub(crate) window: u32,
}

/// A signal for a command.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct SendSignal {
    /// The request that runs the command.
    pub(crate) request: u64,
    /// The signal.
    pub(crate) signal: Signal,
}

/// Another size of a terminal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Resize {
    /// The request that runs the command.
    pub(crate) request: u64,
    /// The size.
    pub(crate) size: TerminalSize,
}

/// A condition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Until {
    /// The environment.
    pub(crate) environment: String,
    /// The condition.
    pub(crate) condition: WaitFor,
    /// The timeout, in seconds.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(with = "units::seconds", default = "timeout")]
    pub(crate) timeout: Duration,
}

fn timeout() -> Duration {
    Duration::from_secs(60)
}

/// A copy into an environment: of a path on the machine of the server, or of bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyIn {
    /// The environment.
    pub(crate) environment: String,
    /// The path of a file or directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<PathBuf>,
    /// The content of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Data>,
    /// The permissions of a file with this content, as a number.
    #[serde(default = "mode")]
    pub(crate) mode: u32,
    /// The path of the copy in the environment.
    pub(crate) target: String,
}

fn mode() -> u32 {
    0o644
}

/// A copy out of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct CopyOut {
    /// The environment.
    pub(crate) environment: String,
    /// The path in the environment.
    pub(crate) source: String,
    /// The path of the copy on the machine of the server.
    pub(crate) target: PathBuf,
}

/// A path of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AtPath {
    /// The environment.
    pub(crate) environment: String,
    /// The path.
    pub(crate) path: String,
}

/// A network for an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Connect {
    /// The environment.
    pub(crate) environment: String,
    /// The network.
    pub(crate) network: String,
    /// Its names on the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aliases: Vec<String>,
}

/// A network to leave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Disconnect {
    /// The environment.
    pub(crate) environment: String,
    /// The network.
    pub(crate) network: String,
}

/// A part of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadLog {
    /// The environment.
    pub(crate) environment: String,
    /// The writer of the lines; without it, the main process, or the commands if there is no main
    /// process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<LogOrigin>,
    /// Whether to continue with new lines.
    #[serde(default)]
    pub(crate) follow: bool,
    /// Only lines since this time.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::protocol::schema::Moment>")
    )]
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<SystemTime>,
    /// Only lines until this time.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::protocol::schema::Moment>")
    )]
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<SystemTime>,
    /// Only this many lines from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tail: Option<u64>,
    /// Only lines of one stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<OutputStream>,
    /// The number of bytes that may be sent before the first `more`; each line counts 64 additional
    /// bytes.
    #[serde(default = "window")]
    pub(crate) window: u32,
}

impl ReadLog {
    pub(crate) fn options(&self) -> LogOptions {
        LogOptions {
            origin: self.origin,
            follow: self.follow,
            since: self.since,
            until: self.until,
            tail: self.tail,
            stream: self.stream,
        }
    }

    pub(crate) fn of(environment: String, options: &LogOptions) -> Self {
        Self {
            environment,
            origin: options.origin,
            follow: options.follow,
            since: options.since,
            until: options.until,
            tail: options.tail,
            stream: options.stream,
            window: WINDOW,
        }
    }
}

/// Another name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    /// The environment.
    pub(crate) environment: String,
    /// The new name.
    pub(crate) name: String,
}

/// Other limits.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    /// The environment.
    pub(crate) environment: String,
    /// The limits that change.
    pub(crate) limits: ResourceLimits,
}

/// A bundle of files about an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    /// The environment.
    pub(crate) environment: String,
    /// The directory, in which a new one is created.
    pub(crate) directory: PathBuf,
}

/// Input of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The request that runs the command.
    pub(crate) request: u64,
    /// The bytes.
    pub(crate) data: Data,
}

/// A part of the window that was freed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct More {
    /// The request with the stream.
    pub(crate) request: u64,
    /// The number of additional bytes.
    pub(crate) bytes: u32,
}
