//! Every operation is recorded, and our types lose no key of a recorded reply.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::operations;
use engine_fixtures::{Recording, recordings_dir};
use serde_json::Value;
use tests::scenarios::cluster;
use tests::types::{REPLIES, RoundTrip, operation};

/// Operations that are not recorded: the available engines have an older API version.
const NOT_RECORDED: [&str; 1] = ["ImageAttestations"];

/// Keys that only Podman sends. Our types omit them.
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

/// Every recording, with its path.
fn recordings() -> Vec<(String, Recording)> {
    let mut found = Vec::new();
    let mut directories = vec![recordings_dir()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "json") {
                found.push((path.display().to_string(), Recording::load(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

macro_rules! names {
    ($($module:ident { $($name:ident $([$tag:ident])?)* })*) => {
        [$($(concat!(stringify!($module), "/", stringify!($name)),)*)*]
    };
}

// Without this test, a recording whose scenario was removed or renamed would stay unnoticed.
#[test]
fn every_recording_names_its_scenario() {
    let mut replayed = BTreeSet::from([cluster::MANAGER, cluster::SECOND, cluster::LOCKED]);
    replayed.extend(tests::for_each_slow_scenario!(names));
    replayed.extend(tests::for_each_scenario!(names));
    let isolation = tests::for_each_isolation_scenario!(names);
    let isolation: Vec<_> = isolation.map(|name| format!("isolation/{name}")).into();
    replayed.extend(isolation.iter().map(String::as_str));
    for (file, recording) in recordings() {
        let name = recording.meta.scenario.as_str();
        assert!(replayed.contains(name), "{file}: no test replays {name:?}");
        assert!(
            file.ends_with(&format!("/{name}.json")),
            "{file}: {name:?} is not at its path"
        );
    }
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

/// The paths of keys that `before` has and `after` lacks. A `null` may be lost.
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
    let types: BTreeMap<&str, RoundTrip> = REPLIES.iter().copied().collect();
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
                    .unwrap_or_else(|error| panic!("{file}: {id}: {error}"))
                    .encoded;
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
