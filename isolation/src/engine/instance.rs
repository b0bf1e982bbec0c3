//! For authors of engines: an environment of an engine, and its facets.
//!
//! A facet is a group of calls that not every engine has. A feature is a facet only if it needs the
//! engine. Features that need only commands and copies are implemented once, for all engines.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BoxFuture;
use crate::command::Command;
use crate::command::execution::Execution;
use crate::command::exit_status::ExitStatus;
use crate::command::signal::Signal;
use crate::diagnose::{Platforms, ProgramFile};
use crate::engine::forks::Forks;
#[cfg(unix)]
use crate::engine::saves::Saves;
use crate::engine::watch::Health;
use crate::environment::endpoint::Endpoint;
use crate::environment::joined_network::JoinedNetwork;
use crate::environment::status::Status;
use crate::error::Result;
use crate::files::{CopySource, FileKind};
use crate::history::CheckResult;
use crate::logs::{LogOptions, LogStream};
use crate::metrics::MetricsSample;
use crate::process::ProcessEntry;
use crate::spec::limits::ResourceLimits;

/// One environment of an engine.
///
/// The caller has checked the input, the features and the status. If an error shows another status,
/// add that status to the error: [`Error::observed`](crate::Error::observed). Dropping a value that
/// [`Engine::create`](crate::Engine::create) returned destroys the environment as far as possible
/// without waiting, unless [`keep`](Self::keep) was called.
pub trait Instance: fmt::Debug + Send + Sync {
    /// The current state on the engine. If the environment no longer exists, the status is
    /// [`Status::Lost`], and this is not an error.
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>>;

    /// Starts it, so that commands can run; succeeds if it already runs.
    fn start(&self) -> BoxFuture<'_, Result<()>>;

    /// Ends every process: asks them to end, and kills those that still run after `grace`. Its
    /// files stay. Succeeds if it does not run.
    fn stop(&self, grace: Duration) -> BoxFuture<'_, Result<()>>;

    /// Sends a signal to the main process. [`Signal::Kill`] kills every process, and this returns
    /// when no process runs; without a main process it is the only signal. Succeeds if no process
    /// runs.
    fn kill(&self, signal: Signal) -> BoxFuture<'_, Result<()>>;

    /// Ends every process and removes everything that the engine created for it. Succeeds if it no
    /// longer exists; after an error, it can be called again.
    fn destroy(&self) -> BoxFuture<'_, Result<()>>;

    /// Destroys it as far as possible without awaiting: for guards, also outside a runtime. It
    /// never panics. Returns whether the environment was already removed; if not, the engine
    /// [holds](crate::Journal::hold) its journal entry until it is removed.
    ///
    /// An engine that does not answer is tried for `limit`, in the background if there is a
    /// runtime. Zero means that it was already tried, and is not tried again.
    fn destroy_blocking(&self, limit: Duration) -> bool;

    /// From now on, neither dropping this value nor the end of this process ends the environment.
    fn keep(&self) -> BoxFuture<'_, Result<()>>;

    /// Running commands.
    fn exec(&self) -> Option<&dyn Exec> {
        None
    }

    /// Copying files.
    fn files(&self) -> Option<&dyn Files> {
        None
    }

    /// The main process; `None` if the environment only waits for commands.
    fn main(&self) -> Option<&dyn MainProcess> {
        None
    }

    /// The health check of the image, if it has one.
    fn image_check(&self) -> BoxFuture<'_, Result<Option<Command>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Whether the engine runs the health check of the specification. If it does, this process does
    /// not run it.
    fn checks_health(&self) -> bool {
        false
    }

    /// Recreating it.
    fn recreate(&self) -> Option<&dyn Recreate> {
        None
    }

    /// Published ports.
    fn ports(&self) -> Option<&dyn Ports> {
        None
    }

    /// Its networks.
    fn networking(&self) -> Option<&dyn Networking> {
        None
    }

    /// The log of the main process.
    fn logs(&self) -> Option<&dyn Logs> {
        None
    }

    /// The resource usage.
    fn metrics(&self) -> Option<&dyn Metrics> {
        None
    }

    /// Facts that explain failures.
    fn inspection(&self) -> Option<&dyn Inspection> {
        None
    }

    /// Pausing all processes.
    fn pause(&self) -> Option<&dyn Pause> {
        None
    }

    /// Another name.
    fn rename(&self) -> Option<&dyn Rename> {
        None
    }

    /// Other limits.
    fn update(&self) -> Option<&dyn Update> {
        None
    }

    /// The list of processes.
    fn processes(&self) -> Option<&dyn Processes> {
        None
    }

    /// Whether the network of another environment, which this one has, lasts while this one runs.
    /// Otherwise this one is started again after each start of the other one.
    fn keeps_network(&self) -> bool {
        false
    }

    /// The names of the environments of any process that have its network; empty if the engine
    /// refuses its removal then.
    fn network_users(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The size of its files, if it has a disk limit that the engine does not enforce.
    fn disk_usage(&self) -> Option<&dyn DiskUsage> {
        None
    }

    /// Multiplying it.
    fn forks(&self) -> Option<&dyn Forks> {
        None
    }

    /// Saving its files.
    #[cfg(unix)]
    fn saves(&self) -> Option<&dyn Saves> {
        None
    }
}

/// The facet of environments that run commands.
pub trait Exec: Send + Sync {
    /// Starts a command. A program that cannot be run ends with code 127 or 126, as in a shell:
    /// [`Execution::not_started`]. If this future is dropped, the command is killed.
    fn execute<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>>;
}

/// The facet of environments with files.
///
/// Paths inside are text. A relative path starts at the working directory, an absolute path at the
/// root. A path outside is an error of the kind
/// [`OutsideEnvironment`](crate::ErrorKind::OutsideEnvironment).
pub trait Files: Send + Sync {
    /// Copies in; the rules are those of [`Environment::copy_in`](crate::Environment::copy_in). The
    /// source exists.
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Copies out, by the same rules.
    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// The kind of the file at a path; `None` if it does not exist. Links are followed.
    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<FileKind>>>;
}

/// The facet of environments with a main process.
pub trait MainProcess: Send + Sync {
    /// Waits until it exits; returns at once if it has exited. Dropping the future loses nothing.
    fn wait(&self) -> BoxFuture<'_, Result<ExitStatus>>;

    /// Connects to its input and output, and starts it. A program that cannot be run ends with code
    /// 127 or 126: [`Execution::not_started`]. If this future or the execution is dropped before
    /// the end, the main process is killed.
    fn start_attached(&self) -> BoxFuture<'_, Result<Execution>>;
}

/// The facet of environments that can be recreated.
pub trait Recreate: Send + Sync {
    /// Removes it, and creates it again from its specification, with the same ID and name. It does
    /// not run, neither before nor after the call.
    fn recreate(&self) -> BoxFuture<'_, Result<()>>;
}

/// The facet of environments that publish ports.
pub trait Ports: Send + Sync {
    /// The current published ports: an engine may choose other ports of the host at each start.
    /// Empty if the environment does not run.
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<Endpoint>>>;

    /// The address of the environment on its network, if that publishes no ports, as an internal
    /// one: connections are then forwarded through commands inside.
    fn unpublished(&self) -> BoxFuture<'_, Result<Option<IpAddr>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// The facet of environments that can join and leave networks, also while they run.
pub trait Networking: Send + Sync {
    /// Connects it to an existing network. On a network that it has left, it gets its former
    /// aliases, unless others are given, and its former address, if that is free.
    fn connect<'a>(&'a self, network: &'a str, aliases: &'a [String]) -> BoxFuture<'a, Result<()>>;

    /// Disconnects it from a network.
    fn disconnect<'a>(&'a self, network: &'a str) -> BoxFuture<'a, Result<()>>;

    /// The networks that it has joined.
    fn joined(&self) -> BoxFuture<'_, Result<Vec<JoinedNetwork>>>;
}

/// The facet of environments that keep the output of the main process.
pub trait Logs: Send + Sync {
    /// Reads the log.
    fn read<'a>(&'a self, options: &'a LogOptions) -> BoxFuture<'a, Result<LogStream>>;
}

/// The facet of environments whose resource usage can be measured.
pub trait Metrics: Send + Sync {
    /// Measures now. The environment runs.
    fn sample(&self) -> BoxFuture<'_, Result<MetricsSample>>;
}

/// The facet of environments for which the engine has more facts than the state, for reports of
/// failures.
pub trait Inspection: Send + Sync {
    /// Facts that explain failures. `program` could not be run.
    fn findings<'a>(&'a self, program: Option<&'a str>) -> BoxFuture<'a, Result<Findings>>;

    /// Descriptions for people, by their names, without values of variables and other secrets.
    fn documents(&self) -> BoxFuture<'_, Result<BTreeMap<String, Value>>>;
}

/// The facts of an engine about a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The platforms of the image and of the machine.
    pub platforms: Option<Platforms>,
    /// The file of the program that could not be run, if it exists.
    pub program: Option<ProgramFile>,
    /// The reason that the engine itself reports.
    pub error: Option<String>,
    /// Whether the kernel has killed a process at the memory limit since the start.
    pub out_of_memory: bool,
}

/// The facet of environments that can be paused.
pub trait Pause: Send + Sync {
    /// Pauses every process. The environment runs.
    fn pause(&self) -> BoxFuture<'_, Result<()>>;

    /// Fails if the engine cannot pause this environment after all.
    fn check(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Resumes every process. The environment is paused.
    fn unpause(&self) -> BoxFuture<'_, Result<()>>;
}

/// The facet of environments that can have another name.
pub trait Rename: Send + Sync {
    /// Gives it another name. The name is valid.
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// The facet of environments whose limits can change.
pub trait Update: Send + Sync {
    /// Changes the limits that are set; the others stay.
    fn update<'a>(&'a self, limits: &'a ResourceLimits) -> BoxFuture<'a, Result<()>>;
}

/// The facet of environments whose processes can be listed.
pub trait Processes: Send + Sync {
    /// The processes of the environment, which runs or is paused.
    fn list(&self) -> BoxFuture<'_, Result<Vec<ProcessEntry>>>;
}

/// The facet of environments whose disk limit is supervised.
pub trait DiskUsage: Send + Sync {
    /// The limit, in bytes.
    fn limit(&self) -> u64;

    /// The number of bytes that the environment has written outside of mounts.
    fn used(&self) -> BoxFuture<'_, Result<u64>>;
}

/// The state of an environment on its engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct InstanceState {
    /// The status.
    pub status: Status,
    /// The exit status of the main process, if it has one that has exited.
    pub exit: Option<ExitStatus>,
    /// The limits in force, if the engine reports them.
    pub limits: Option<ResourceLimits>,
    /// The result of the health check, if one has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthState>,
    /// The networks that it has joined, by name; empty on engines without networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<JoinedNetwork>,
    /// The engine's resources for it: a container and its address, a directory.
    pub details: BTreeMap<String, String>,
}

/// The result of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthState {
    /// The result.
    pub status: Health,
    /// The last checks with their output, oldest first.
    pub checks: Vec<CheckResult>,
}

impl InstanceState {
    /// A state with this status.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            exit: None,
            limits: None,
            health: None,
            networks: Vec::new(),
            details: BTreeMap::new(),
        }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
