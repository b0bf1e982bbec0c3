//! Requests and notes: the messages of the client.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::packages::{InstallPackages, ListPackages, UninstallPackages};
use super::params::{
    AtPath, Attach, Bundle, Connect, CopyIn, CopyOut, Disconnect, Exec, Input, More, ReadLog, Rename, Resize,
    SendSignal, Until, Update,
};
use super::states::{Explain, Fork, OfSnapshot, Point, Restore, TakeSnapshot};
use crate::command::signal::Signal;
use crate::environment::id::EnvironmentId;
use crate::journal::entry::Resource;
use crate::spec::EnvironmentSpec;
use crate::spec::units;

/// A line of the client.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Request {
    /// The number of the request. It must be unique among the running requests. A note has no ID,
    /// and gets no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    /// The method and its parameters.
    #[serde(flatten)]
    pub(crate) call: Call,
}

/// A method and its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub(crate) enum Call {
    /// The first request: agrees on the version.
    Hello(Hello),
    /// The engines, with their availability and capabilities.
    Engines(Nothing),
    /// The availability and the capabilities of an engine.
    Probe(OfEngine),
    /// The environments of one engine, or of all engines.
    List(OfEngine),
    /// Creates an environment, and starts it.
    Create(Box<Create>),
    /// Opens an environment of any process.
    Open(OfEnvironment),
    /// The state of an environment.
    Inspect(OfEnvironment),
    /// Starts an environment.
    Start(Start),
    /// Stops an environment.
    Stop(Stop),
    /// Sends a signal to the main process of an environment, or kills all its processes.
    Kill(Kill),
    /// Destroys an environment.
    Destroy(OfEnvironment),
    /// Keeps an environment beyond the connection.
    Keep(OfEnvironment),
    /// Removes the leftovers of an environment.
    Remove(Remove),
    /// Runs a command: a stream of output.
    Exec(Exec),
    /// Starts an environment, with the output of its main process: a stream of output.
    StartAttached(Attach),
    /// Sends a signal to a running command.
    Signal(SendSignal),
    /// Changes the size of the terminal of a running command.
    Resize(Resize),
    /// Waits until the main process exits.
    Wait(OfEnvironment),
    /// Waits for a condition.
    WaitUntil(Box<Until>),
    /// Copies a file or directory in.
    CopyIn(CopyIn),
    /// Copies a file or directory out.
    CopyOut(CopyOut),
    /// The kind of a path of the environment.
    FileKind(AtPath),
    /// The published ports.
    Endpoints(OfEnvironment),
    /// The networks of the environment.
    Networks(OfEnvironment),
    /// Connects the environment to a network.
    ConnectNetwork(Connect),
    /// Disconnects the environment from a network.
    DisconnectNetwork(Disconnect),
    /// Reads the log: a stream of lines.
    Logs(ReadLog),
    /// The resource usage.
    Metrics(OfEnvironment),
    /// Pauses all processes.
    Pause(OfEnvironment),
    /// Resumes all processes.
    Unpause(OfEnvironment),
    /// Gives the environment another name.
    Rename(Rename),
    /// Changes limits.
    Update(Box<Update>),
    /// The processes of the environment.
    Processes(OfEnvironment),
    /// The health check of the image.
    ImageCheck(OfEnvironment),
    /// The size of the files of an environment whose disk limit its caller supervises.
    DiskUsage(OfEnvironment),
    /// Writes a bundle of files about an environment.
    Bundle(Bundle),
    /// The facts about a failure that the engine knows.
    Explain(Explain),
    /// Removes an environment that does not run, and creates it from its specification.
    Recreate(OfEnvironment),
    /// The installed packages.
    ListPackages(ListPackages),
    /// Installs or upgrades packages.
    InstallPackages(Box<InstallPackages>),
    /// Removes packages.
    UninstallPackages(UninstallPackages),
    /// Creates and starts environments with the files of this one.
    Fork(Fork),
    /// Holds the state of an environment, for creations with `fork`.
    ForkPoint(OfEnvironment),
    /// Releases a state.
    ReleaseForkPoint(Point),
    /// Saves the state of an environment in the store of snapshots.
    Snapshot(TakeSnapshot),
    /// The snapshots of the store.
    Snapshots(Nothing),
    /// Creates and starts an environment with the files of a snapshot.
    Restore(Box<Restore>),
    /// Removes a snapshot.
    RemoveSnapshot(OfSnapshot),
    /// The events of the connection: a stream without end.
    Events(Nothing),
    /// Reports actions of other processes in the environments of an engine, as events: a stream
    /// without end.
    Watch(OfEngine),
    /// The events that the engine sees in its environments, for a caller that sends them itself: a
    /// stream without end.
    Reports(OfEngine),
    /// A note: ends a request.
    Cancel(OfRequest),
    /// A note: input of a command.
    Input(Input),
    /// A note: the input of a command has ended.
    EndInput(OfRequest),
    /// A note: the number of additional bytes of a stream that may be sent.
    More(More),
}

/// No parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// The parameters of the first request. Unknown parameters are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Hello {
    /// The versions of the protocol that the client supports.
    pub(crate) versions: Vec<u32>,
    /// The program, for messages.
    #[serde(default)]
    pub(crate) client: String,
    /// The owner of the journal, with which environments can be removed after a crash.
    #[serde(default)]
    pub(crate) journal: JournalKeeper,
}

/// The owner of the journal for the environments of the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalKeeper {
    /// The server.
    #[default]
    Server,
    /// The client, which chooses the IDs and removes environments after a crash.
    Client,
}

/// An engine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OfEngine {
    /// The name of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
}

/// An environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OfEnvironment {
    /// Its ID, a unique beginning of the ID, or its name.
    pub(crate) environment: String,
}

/// A running request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRequest {
    /// Its ID.
    pub(crate) request: u64,
}

/// A new environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Create {
    /// The name of the engine, or `auto`; without one, the server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// Its ID; without one, the server chooses a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<EnvironmentId>,
    /// Its name, if the specification does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The specification.
    #[serde(default)]
    pub(crate) spec: EnvironmentSpec,
    /// The state of another environment from which it is created, if the caller chooses the ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fork: Option<u64>,
    /// Whether to start it, and to wait until it is ready.
    #[serde(default = "yes")]
    pub(crate) start: bool,
}

fn yes() -> bool {
    true
}

/// The start of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// The environment.
    pub(crate) environment: String,
    /// Whether the server waits until it is ready, runs its health check and restarts it.
    #[serde(default = "yes")]
    pub(crate) supervise: bool,
}

/// The stop of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    /// The environment.
    pub(crate) environment: String,
    /// The time that its processes may take to exit by themselves, in seconds; without it, the
    /// `stop_grace` of its specification, or 10 seconds.
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    #[serde(default, with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub(crate) grace: Option<Duration>,
}

/// A signal for an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Kill {
    /// The environment.
    pub(crate) environment: String,
    /// The signal.
    #[serde(default = "kill")]
    pub(crate) signal: Signal,
}

fn kill() -> Signal {
    Signal::Kill
}

/// The removal of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Remove {
    /// The name of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// The ID of the environment.
    pub(crate) environment: EnvironmentId,
    /// The resources that the engine has noted for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<Resource>,
}
