//! The type that decodes or encodes each body, and round trips through it.

use std::fmt::Debug;

use engine_api::auth::{AuthStatus, RegistryAuth};
use engine_api::configs::{Config, ConfigCreated, ConfigSpec};
use engine_api::containers::{
    Change, Container, ContainerConfig, ContainerCreated, ContainerExit, ContainerSummary, ContainerUpdated,
    ContainersPruned, CreateContainer, Processes, Stats, UpdateContainer,
};
use engine_api::distribution::RemoteImage;
use engine_api::exec::{CreateExec, Exec, ExecCreated, StartExec};
use engine_api::from_json;
use engine_api::images::{
    Attestation, BuildCachePruned, HistoryEntry, Image, ImageCommitted, ImageFound, ImageRemoved,
    ImageSummary, ImagesPruned, Progress,
};
use engine_api::networks::{
    ConnectNetwork, CreateNetwork, DisconnectNetwork, Network, NetworkCreated, NetworksPruned,
};
use engine_api::nodes::{Node, NodeSpec};
use engine_api::plugins::{Plugin, PluginPrivilege};
use engine_api::secrets::{Secret, SecretCreated, SecretSpec};
use engine_api::services::{Service, ServiceCreated, ServiceSpec, ServiceUpdated};
use engine_api::swarm::{SwarmDetails, SwarmSpec, UnlockKey};
use engine_api::system::{DiskUsage, EngineVersion, Event, Info};
use engine_api::tasks::Task;
use engine_api::volumes::{CreateVolume, UpdateVolume, Volume, VolumeList, VolumesPruned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::chain;

/// The result of decoding a JSON value into a type.
#[derive(Debug)]
pub struct Kept {
    /// The value, encoded again.
    pub encoded: Value,
    /// The decoded value as `Debug` prints it: an unknown enum value is `Other` there.
    pub shown: String,
}

/// Decodes a JSON text into a type, and encodes it again.
pub type RoundTrip = fn(&[u8]) -> Result<Kept, String>;

/// The round trip through `T`.
///
/// # Errors
///
/// If the text cannot be decoded as a `T`, or the value cannot be encoded again.
pub fn through<T: DeserializeOwned + Serialize + Debug>(json: &[u8]) -> Result<Kept, String> {
    let value: T = from_json(json).map_err(|error| chain(&error))?;
    let encoded = serde_json::to_value(&value).map_err(|error| error.to_string())?;
    let shown = format!("{value:?}");
    Ok(Kept { encoded, shown })
}

/// The type of each operation's reply, or of each value of its stream.
pub const REPLIES: &[(&str, RoundTrip)] = &[
    ("BuildPrune", through::<BuildCachePruned>),
    ("ContainerChanges", through::<Vec<Change>>),
    ("ContainerCreate", through::<ContainerCreated>),
    ("ContainerExec", through::<ExecCreated>),
    ("ContainerInspect", through::<Container>),
    ("ContainerList", through::<Vec<ContainerSummary>>),
    ("ContainerPrune", through::<ContainersPruned>),
    ("ContainerStats", through::<Stats>),
    ("ContainerTop", through::<Processes>),
    ("ContainerUpdate", through::<ContainerUpdated>),
    ("ContainerWait", through::<ContainerExit>),
    ("ExecInspect", through::<Exec>),
    ("ImageAttestations", through::<Vec<Attestation>>),
    ("ImageBuild", through::<Progress>),
    ("ImageCommit", through::<ImageCommitted>),
    ("ImageCreate", through::<Progress>),
    ("ImageDelete", through::<Vec<ImageRemoved>>),
    ("ImageHistory", through::<Vec<HistoryEntry>>),
    ("ImageInspect", through::<Image>),
    ("ImageList", through::<Vec<ImageSummary>>),
    ("ImageLoad", through::<Progress>),
    ("ImagePrune", through::<ImagesPruned>),
    ("ImagePush", through::<Progress>),
    ("ImageSearch", through::<Vec<ImageFound>>),
    ("GetPluginPrivileges", through::<Vec<PluginPrivilege>>),
    ("PluginInspect", through::<Plugin>),
    ("PluginList", through::<Vec<Plugin>>),
    ("PluginPull", through::<Progress>),
    ("PluginPush", through::<Progress>),
    ("PluginUpgrade", through::<Progress>),
    ("SystemDataUsage", through::<DiskUsage>),
    ("SystemEvents", through::<Event>),
    ("SystemInfo", through::<Info>),
    ("SystemVersion", through::<EngineVersion>),
    ("SystemAuth", through::<AuthStatus>),
    ("DistributionInspect", through::<RemoteImage>),
    ("NetworkCreate", through::<NetworkCreated>),
    ("NetworkInspect", through::<Network>),
    ("NetworkList", through::<Vec<Network>>),
    ("NetworkPrune", through::<NetworksPruned>),
    ("VolumeCreate", through::<Volume>),
    ("VolumeInspect", through::<Volume>),
    ("VolumeList", through::<VolumeList>),
    ("VolumePrune", through::<VolumesPruned>),
    ("SwarmInit", through::<String>),
    ("SwarmInspect", through::<SwarmDetails>),
    ("SwarmUnlockkey", through::<UnlockKey>),
    ("ServiceCreate", through::<ServiceCreated>),
    ("ServiceInspect", through::<Service>),
    ("ServiceList", through::<Vec<Service>>),
    ("ServiceUpdate", through::<ServiceUpdated>),
    ("TaskInspect", through::<Task>),
    ("TaskList", through::<Vec<Task>>),
    ("NodeInspect", through::<Node>),
    ("NodeList", through::<Vec<Node>>),
    ("SecretCreate", through::<SecretCreated>),
    ("SecretInspect", through::<Secret>),
    ("SecretList", through::<Vec<Secret>>),
    ("ConfigCreate", through::<ConfigCreated>),
    ("ConfigInspect", through::<Config>),
    ("ConfigList", through::<Vec<Config>>),
];

/// The type of each operation's JSON body. `SwarmInit` and `SwarmJoin` are missing: their bodies
/// can be encoded but not decoded.
pub const REQUESTS: &[(&str, RoundTrip)] = &[
    ("ConfigCreate", through::<ConfigSpec>),
    ("ConfigUpdate", through::<ConfigSpec>),
    ("ContainerCreate", through::<CreateContainer>),
    ("ContainerExec", through::<CreateExec>),
    ("ContainerUpdate", through::<UpdateContainer>),
    ("ExecStart", through::<StartExec>),
    ("ImageCommit", through::<ContainerConfig>),
    ("NetworkConnect", through::<ConnectNetwork>),
    ("NetworkCreate", through::<CreateNetwork>),
    ("NetworkDisconnect", through::<DisconnectNetwork>),
    ("NodeUpdate", through::<NodeSpec>),
    ("PluginPull", through::<Vec<PluginPrivilege>>),
    ("PluginSet", through::<Vec<String>>),
    ("PluginUpgrade", through::<Vec<PluginPrivilege>>),
    ("SecretCreate", through::<SecretSpec>),
    ("SecretUpdate", through::<SecretSpec>),
    ("ServiceCreate", through::<ServiceSpec>),
    ("ServiceUpdate", through::<ServiceSpec>),
    ("SwarmUnlock", through::<UnlockKey>),
    ("SwarmUpdate", through::<SwarmSpec>),
    ("SystemAuth", through::<RegistryAuth>),
    ("VolumeCreate", through::<CreateVolume>),
    ("VolumeUpdate", through::<UpdateVolume>),
];

/// The operation of a request.
pub fn operation(method: &str, path: &str) -> Option<&'static str> {
    engine_fixtures::coverage::operation(method, path).map(|facts| facts.id)
}
