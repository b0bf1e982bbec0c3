//! What the recordings hold: every operation, and no key that our types lose.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::configs::{Config, ConfigCreated};
use engine_api::containers::{
    Change, Container, ContainerCreated, ContainerSummary, ContainerUpdated, ContainerWait, ContainersPruned,
    Processes, Stats,
};
use engine_api::distribution::RemoteImage;
use engine_api::exec::{Exec, ExecCreated};
use engine_api::images::{
    BuildCachePruned, HistoryEntry, Image, ImageCommitted, ImageRemoved, ImageSummary, ImagesPruned, Progress,
};
use engine_api::networks::{Network, NetworkCreated, NetworksPruned};
use engine_api::nodes::Node;
use engine_api::plugins::{Plugin, PluginPrivilege};
use engine_api::secrets::{Secret, SecretCreated};
use engine_api::services::{Service, ServiceCreated, ServiceUpdated};
use engine_api::swarm::{SwarmDetails, UnlockKey};
use engine_api::system::{DiskUsage, EngineVersion, Event, Info};
use engine_api::tasks::Task;
use engine_api::volumes::{Volume, VolumeList, VolumesPruned};
use engine_api::{from_json, operations};
use engine_fixtures::{Recording, coverage, recordings_dir};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Decodes a JSON text into a type, and encodes it again.
type RoundTrip = fn(&[u8]) -> engine_api::Result<Value>;

fn through<T: DeserializeOwned + Serialize>(json: &[u8]) -> engine_api::Result<Value> {
    let value: T = from_json(json)?;
    Ok(serde_json::to_value(value).expect("what was decoded can be encoded"))
}

/// The type of each operation's reply.
const TYPES: &[(&str, RoundTrip)] = &[
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
    ("ContainerWait", through::<ContainerWait>),
    ("ExecInspect", through::<Exec>),
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
    ("SystemAuth", through::<engine_api::auth::AuthStatus>),
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

/// Operations that no engine at hand can be asked for: it speaks an older API.
const NOT_RECORDED: [&str; 1] = ["ImageAttestations"];

/// Keys that only Podman sends, beside those of the API; our types leave them out.
const PODMAN: [&str; 14] = [
    "ContainerList[].DefaultReadOnlyNonRecursive",
    "ContainerList[].Name",
    "ContainerStats.cpu_stats.cpu",
    "ContainerStats.precpu_stats.cpu",
    "ImageList[].Digest",
    "ImageList[].History",
    "ImageList[].Names",
    "SystemInfo.BuildahVersion",
    "SystemInfo.CPURealtimePeriod",
    "SystemInfo.CPURealtimeRuntime",
    "SystemInfo.Rootless",
    "SystemInfo.SwapFree",
    "SystemInfo.SwapTotal",
    "SystemInfo.Uptime",
];

/// Every recording: the engine's name and the scenario's, and what is in it.
fn recordings() -> Vec<(String, Recording)> {
    let mut found = Vec::new();
    let mut folders = vec![recordings_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "json") {
                found.push((path.display().to_string(), Recording::load(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The id of the operation that a request is a call of.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    coverage::operation(method, path).map(|facts| facts.id)
}

#[test]
fn every_operation_is_called_by_a_recording() {
    let called: BTreeSet<&str> = recordings()
        .iter()
        .flat_map(|(_, recording)| &recording.exchanges)
        .filter_map(|exchange| operation(&exchange.request.method, &exchange.request.path))
        .collect();
    let missing: Vec<&str> = operations()
        .map(|facts| facts.id)
        .filter(|id| !called.contains(id) && !NOT_RECORDED.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The paths of keys that `before` has and `after` lacks. A `null` may go; it says nothing.
fn lost(before: &Value, after: &Value, path: &str, into: &mut BTreeSet<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before.iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}.{key}");
                match after.get(key) {
                    Some(kept) => lost(value, kept, &path, into),
                    None => drop(into.insert(path)),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (value, kept) in before.iter().zip(after) {
                lost(value, kept, &format!("{path}[]"), into);
            }
        }
        (Value::Null, _) => {}
        (before, after) if before == after => {}
        (Value::Number(before), Value::Number(after)) if before.as_f64() == after.as_f64() => {}
        (before, after) => drop(into.insert(format!("{path}: {before} became {after}"))),
    }
}

#[test]
fn no_key_of_a_recorded_reply_is_lost() {
    let types: BTreeMap<&str, RoundTrip> = TYPES.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    let mut compared = 0;
    for (file, recording) in recordings() {
        for reply in recording
            .json_replies()
            .into_iter()
            .filter(|reply| reply.status < 300)
        {
            let Some(id) = operation(&reply.method, &reply.path) else {
                panic!("{file}: {}", reply.path)
            };
            let Some(round_trip) = types.get(id) else {
                panic!("{file}: no type for {id}")
            };
            for value in reply.values {
                let after = round_trip(value.to_string().as_bytes())
                    .unwrap_or_else(|error| panic!("{file}: {id}: {error}"));
                let podman = recording.meta.engine.flavour == "podman";
                let mut keys = BTreeSet::new();
                lost(&value, &after, id, &mut keys);
                wrong.extend(
                    keys.into_iter()
                        .filter(|key| !(podman && PODMAN.contains(&key.as_str()))),
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} values were compared");
    assert!(
        wrong.is_empty(),
        "{} keys:\n{}",
        wrong.len(),
        wrong.into_iter().collect::<Vec<_>>().join("\n")
    );
}
