//! JSON values that are null, absent, unknown or invalid.

use engine_api::ErrorKind;
use engine_api::containers::{Container, ContainerSummary, InspectContainer, ListContainers, RunState};
use fake_engine::scripted::{ScriptedEngine, ok, reply};
use serde_json::{Value, json};

use crate::support::fails;

async fn list(text: &str) -> engine_api::Result<Vec<ContainerSummary>> {
    let docker = ScriptedEngine::once(ok(text)).client();
    docker.containers().list(ListContainers::default()).await
}

async fn inspect(value: &Value) -> engine_api::Result<Container> {
    let docker = ScriptedEngine::once(ok(&value.to_string())).client();
    docker
        .containers()
        .inspect("web", InspectContainer::default())
        .await
}

#[tokio::test(start_paused = true)]
async fn unknown_state_keeps_the_list_and_its_name() {
    let text = r#"[{"Id":"a","State":"hibernating"},{"Id":"b","State":"running"}]"#;
    let found = list(text).await.unwrap();
    let states: Vec<_> = found.iter().map(|container| container.state.clone()).collect();
    assert_eq!(states, [RunState::Other("hibernating".into()), RunState::Running]);
    assert_eq!(serde_json::to_value(&found[0]).unwrap()["State"], "hibernating");
}

#[tokio::test(start_paused = true)]
async fn a_list_may_be_null() {
    assert!(list("null").await.unwrap().is_empty());
    assert!(list("[]").await.unwrap().is_empty());
}

/// A container with a value at every kind of path.
fn sample() -> Value {
    json!({
        "Id": "0a1b", "Created": "2026-01-02T03:04:05.6Z", "Path": "sh", "Args": ["-c", "true"],
        "State": { "Status": "exited", "ExitCode": 137, "OOMKilled": true, "StartedAt": "x",
            "Health": { "Status": "healthy", "FailingStreak": 1,
                "Log": [{ "Start": "x", "End": "y", "ExitCode": 0, "Output": "z" }] } },
        "Image": "sha256:00", "Name": "/web", "RestartCount": 2, "Driver": "overlay2", "Platform": "linux",
        "ExecIDs": ["e1"], "SizeRw": 7,
        "HostConfig": {
            "Binds": ["/a:/b"], "Memory": 1024, "NetworkMode": "bridge", "AutoRemove": true,
            "PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "8080" }] },
            "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "1m" } },
            "CapAdd": ["NET_ADMIN"], "Ulimits": [{ "Name": "nofile", "Soft": 1, "Hard": 2 }],
            "Mounts": [{ "Type": "tmpfs", "Target": "/t", "TmpfsOptions": { "SizeBytes": 9 } }],
        },
        "GraphDriver": { "Name": "overlay2", "Data": { "MergedDir": "/m" } },
        "Mounts": [{ "Type": "volume", "Name": "v", "Source": "/s", "Destination": "/d", "RW": true }],
        "Config": { "Hostname": "h", "Env": ["A=b"], "Cmd": ["sh"], "Tty": true, "Labels": { "k": "v" },
            "ExposedPorts": { "80/tcp": {} }, "Entrypoint": ["e"], "Volumes": { "/v": {} },
            "Healthcheck": { "Test": ["CMD", "x"], "Interval": 1000000 }, "StopTimeout": 3 },
        "NetworkSettings": {
            "SandboxID": "s", "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }] },
            "Networks": { "bridge": { "IPAddress": "172.17.0.2", "IPPrefixLen": 16, "Aliases": ["a"],
                "MacAddress": "", "DriverOpts": { "o": "p" } } },
        },
    })
}

/// The paths of all values below the top.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut add = |key: &str, below: &Value| {
        let place = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        into.push(place.clone());
        places(below, &place, into);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, below)| add(key, below)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, below)| add(&n.to_string(), below)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn null_is_absent_for_every_container_field() {
    let mut all = Vec::new();
    places(&sample(), "", &mut all);
    assert!(all.len() > 80);
    for place in all {
        let mut null = sample();
        *null.pointer_mut(&place).unwrap() = Value::Null;
        let with_null = inspect(&null)
            .await
            .unwrap_or_else(|error| panic!("null at {place}: {error}"));
        let (parent, key) = place.rsplit_once('/').unwrap();
        let mut absent = sample();
        let Some(fields) = absent.pointer_mut(parent).unwrap().as_object_mut() else {
            continue;
        };
        // In a map with keys of the user, a key without a value has a meaning: an exposed port, a
        // label.
        let own = [
            "Labels",
            "ExposedPorts",
            "Volumes",
            "PortBindings",
            "Ports",
            "Data",
            "DriverOpts",
            "Config",
            "Networks",
        ];
        if own.contains(&parent.rsplit('/').next().unwrap()) && parent != "/Config" {
            continue;
        }
        fields.remove(&key.replace("~1", "/")).unwrap();
        let without = inspect(&absent)
            .await
            .unwrap_or_else(|error| panic!("no {place}: {error}"));
        assert_eq!(with_null, without, "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_ignored() {
    let mut value = sample();
    value["Novelty"] = json!({ "deep": [1, null, { "er": true }] });
    value["State"]["Mood"] = json!("fine");
    assert_eq!(inspect(&value).await.unwrap(), inspect(&sample()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn decoding_error_names_the_operation_and_path() {
    let mut value = sample();
    value["State"]["ExitCode"] = json!("many");
    let error = fails(inspect(&value).await, ErrorKind::Decode);
    let text = error.to_string();
    assert!(
        text.starts_with("ContainerInspect web: ") && text.contains("$.State.ExitCode"),
        "{text}"
    );
    assert!(text.len() < 400, "{text}");
}

#[tokio::test(start_paused = true)]
async fn reply_that_is_not_json_is_a_decoding_error() {
    for text in ["", "OK", "{", "[{}] trailing", "\u{feff}{}"] {
        let docker = ScriptedEngine::once(reply(200, &[], text)).client();
        let outcome = docker
            .containers()
            .inspect("web", InspectContainer::default())
            .await;
        let error = fails(outcome, ErrorKind::Decode);
        assert!(error.to_string().len() < 400, "{error}");
    }
}
