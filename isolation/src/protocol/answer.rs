//! Answers: the messages of the server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::data::Data;
use crate::command::Command;
use crate::command::execution::Chunk;
use crate::command::exit_status::ExitStatus;
use crate::diagnose::Diagnosis;
use crate::engine::Probe;
use crate::engine::capabilities::{Capabilities, RejectedEngine};
use crate::engine::watch::Report;
use crate::environment::endpoint::Endpoint;
use crate::environment::id::EnvironmentId;
use crate::environment::joined_network::JoinedNetwork;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::events::rfc3339;
use crate::files::FileKind;
use crate::logs::{LogEntry, LogLine, OutputStream};
use crate::process::ProcessEntry;
use crate::spec::EnvironmentSpec;

/// A line of the server: the ID of a request, and one of the other fields. The last line for a
/// request has `result` or `error`. A line without an ID has the `error` that ends the connection.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// The ID of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    /// The result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Map<String, Value>>,
    /// Why it failed.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::error::WireError>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
    /// A stream follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started: Option<bool>,
    /// Output of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Output>,
    /// A line of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogText>,
    /// The number of additional input bytes that may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) more: Option<u32>,
    /// An event.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::events::Event>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Value>,
    /// An observation of an engine about an environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<Report>,
    /// The number of missing events or lines, or 0 if it is not known: they arrived faster than
    /// they were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missed: Option<u64>,
}

impl Answer {
    pub(crate) fn to(id: u64) -> Self {
        Self {
            id: Some(id),
            ..Self::default()
        }
    }

    pub(crate) fn failed(id: Option<u64>, error: &Error) -> Self {
        Self {
            id,
            error: serde_json::to_value(error).ok(),
            ..Self::default()
        }
    }

    /// The result of the request; `None` if it continues.
    pub(crate) fn end(&mut self) -> Option<Result<Map<String, Value>>> {
        if let Some(error) = self.error.take() {
            return Some(Err(serde_json::from_value(error).unwrap_or_else(|why| {
                let text = format!("the other program reported an error that cannot be read: {why}");
                Error::new(ErrorKind::Engine, text)
            })));
        }
        self.result.take().map(Ok)
    }
}

/// A piece of the output of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    /// Standard output, or the output of a terminal.
    Stdout(Data),
    /// Standard error.
    Stderr(Data),
}

impl Output {
    pub(crate) fn into_chunk(self) -> Result<Chunk> {
        Ok(match self {
            Self::Stdout(data) => Chunk::Stdout(data.into_bytes()?),
            Self::Stderr(data) => Chunk::Stderr(data.into_bytes()?),
        })
    }
}

/// A line of a log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct LogText {
    /// When it was written.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::protocol::schema::Moment>")
    )]
    #[serde(default, with = "rfc3339::option")]
    pub(crate) at: Option<SystemTime>,
    /// The stream.
    pub(crate) stream: OutputStream,
    /// The line without its end.
    pub(crate) line: Data,
    /// Whether it ended with a newline.
    #[serde(default = "complete")]
    pub(crate) complete: bool,
    /// The number of the command that has written it.
    #[serde(default)]
    pub(crate) command: Option<u64>,
}

fn complete() -> bool {
    true
}

impl LogText {
    pub(crate) fn of(line: &LogLine) -> Self {
        Self {
            at: line.at,
            stream: line.stream,
            line: Data::of(&line.text),
            complete: line.complete,
            command: line.command,
        }
    }

    pub(crate) fn into_entry(self) -> Result<LogEntry> {
        Ok(LogEntry::Line(LogLine {
            at: self.at,
            stream: self.stream,
            text: self.line.into_bytes()?,
            complete: self.complete,
            command: self.command,
        }))
    }
}

/// The size of a log line in the window, in addition to its text.
const LINE_COST: usize = 64;

/// The size of a log line in a window of this size.
pub(crate) fn log_cost(text: usize, window: usize) -> u32 {
    u32::try_from((text + LINE_COST).min(window)).unwrap_or(u32::MAX)
}

/// The result of the first request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Welcome {
    /// The version that the server has chosen.
    pub(crate) version: u32,
    /// The program, for messages.
    #[serde(default)]
    pub(crate) server: String,
    /// The names of the engines. The first one is used for requests that do not name an engine.
    pub(crate) engines: Vec<String>,
}

/// An environment that was created or opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Opened {
    /// The ID.
    pub(crate) id: EnvironmentId,
    /// The name.
    pub(crate) name: String,
    /// The engine.
    pub(crate) engine: String,
    /// The status.
    pub(crate) status: Status,
    /// The specification.
    pub(crate) spec: EnvironmentSpec,
    /// The capabilities of the engine.
    pub(crate) capabilities: Capabilities,
    /// The disk limit in bytes, if the caller must supervise it and compare it with `disk_usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disk_limit: Option<u64>,
    /// Whether the engine runs the health check, so that the caller does not.
    #[serde(default)]
    pub(crate) checks_health: bool,
}

/// An engine, and its capabilities.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Probed {
    /// The name.
    pub(crate) name: String,
    /// Whether it is available, and its capabilities.
    #[serde(flatten)]
    pub(crate) probe: Probe,
}

macro_rules! results {
    ($($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub(crate) struct $name { $($(#[$of])* pub(crate) $field: $type,)* }
    )*};
}

results! {
    /// The engines.
    Engines {
        /// The engines, in order of preference.
        engines: Vec<Probed>,
    }
    /// Environments.
    Listed {
        /// The environments.
        environments: Vec<EnvironmentSummary>,
        /// The engines that could not list their environments.
        #[serde(default)]
        rejected: Vec<RejectedEngine>,
    }
    /// The exit of a command or of a main process.
    Ended {
        /// The exit status.
        exit: ExitStatus,
    }
    /// The removal of an environment.
    Removed {
        /// Whether there was something to remove.
        removed: bool,
    }
    /// The kind of a path.
    AtPath {
        /// The kind; absent if the path does not exist.
        kind: Option<FileKind>,
    }
    /// Published ports.
    Endpoints {
        /// The ports and their addresses.
        endpoints: Vec<Endpoint>,
        /// The address of the environment, if its network publishes no ports.
        #[serde(default)]
        unpublished: Option<IpAddr>,
    }
    /// The networks of an environment.
    Networks {
        /// The networks.
        networks: Vec<JoinedNetwork>,
    }
    /// The processes of an environment.
    Processes {
        /// The processes.
        processes: Vec<ProcessEntry>,
    }
    /// The health check of an image.
    ImageCheck {
        /// The command; absent if the image has no health check.
        check: Option<Command>,
    }
    /// The size of the files of an environment.
    DiskUsage {
        /// In bytes.
        used: u64,
    }
    /// A bundle of files.
    Bundled {
        /// Its directory.
        directory: PathBuf,
        /// The likely cause of the last failure.
        diagnosis: Diagnosed,
    }
}

/// The likely cause of a failure.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Diagnosed {
    /// The cause, in words.
    pub(crate) cause: String,
    /// The remedy, for people.
    pub(crate) hint: String,
    /// The evidence.
    #[serde(default)]
    pub(crate) because: Vec<String>,
}

impl From<Diagnosis> for Diagnosed {
    fn from(found: Diagnosis) -> Self {
        Self {
            cause: found.cause.to_string(),
            hint: found.cause.hint().to_owned(),
            because: found.because,
        }
    }
}

/// A result without fields.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Done {}
