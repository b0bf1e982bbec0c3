//! The fake engine supports, refuses or explains every field and parameter of the description: it
//! drops nothing silently.

use std::collections::BTreeSet;

use engine_api::{Docker, OperationInfo};
use fake_engine::FakeEngine;
use fake_engine::supported::{OPERATIONS, Operation, Support, Supported, operation};
use serde_json::{Value, json};

use crate::spec::spec_tables::{Description, Kind};

/// Names in the table that are not described: older clients send them, or they are keys of a map.
const NOT_DESCRIBED: [&str; 6] = [
    "ContainerCreate HostConfig.LogConfig.Config.max-file",
    "ContainerCreate HostConfig.LogConfig.Config.max-size",
    "ContainerCreate HostConfig.StorageOpt.size",
    "ContainerExec Container",
    "NetworkCreate CheckDuplicate",
    "SystemAuth identitytoken",
];

/// Bodies that are not JSON.
const NO_JSON: [&str; 4] = ["ImageBuild", "ImageCreate", "ImageLoad", "PutContainerArchive"];

fn engine() -> Docker {
    let engine = FakeEngine::new().with_image("busybox:latest");
    Docker::with_connector(engine).with_version("1.51".parse().unwrap())
}

/// The status and the message of the reply to a request; the body is not sent if it is null.
async fn answer(docker: &Docker, method: &str, path: &str, body: &Value) -> (u16, String) {
    let mut call = docker.raw(method, path);
    if !body.is_null() {
        call = call.json(body.to_string().into_bytes());
    }
    let mut reply = call.send().await.unwrap();
    let mut text = Vec::new();
    if reply.status >= 400 {
        while let Some(piece) = reply.body.next().await {
            text.extend_from_slice(&piece.unwrap());
        }
    }
    (reply.status, String::from_utf8(text).unwrap())
}

/// The path of an operation, for things that do not exist.
fn path(info: &OperationInfo) -> String {
    let part = |part: &str| {
        if part.starts_with('{') {
            "missing".to_owned()
        } else {
            part.to_owned()
        }
    };
    info.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A described place in a body, such as `HostConfig.Mounts[].Type`, and a value for it.
struct Leaf {
    path: String,
    value: Value,
}

fn leaves(described: &Description, kind: &'static str, path: &str, open: &[&str]) -> Vec<Leaf> {
    let leaf = |value: Value| {
        vec![Leaf {
            path: path.to_owned(),
            value,
        }]
    };
    match Kind::of(kind) {
        Kind::List(element, _) => leaves(described, element, &format!("{path}[]"), open),
        Kind::Map(value) => leaves(described, value, &format!("{path}{{}}"), open),
        Kind::Text | Kind::Bytes => leaf(json!("sample")),
        Kind::Whole | Kind::Number => leaf(json!(7)),
        Kind::Flag => leaf(json!(true)),
        // An empty object sets nothing, but as the value of a key.
        Kind::Object if path.ends_with("{}") => leaf(json!({})),
        Kind::Object => leaf(json!({ "key": 7 })),
        Kind::Definition(name) if open.contains(&name) => Vec::new(),
        Kind::Definition(name) => {
            let open = [open, &[name]].concat();
            let inside = |field: &str| match (field, path) {
                ("", _) => path.to_owned(),
                (field, "") => field.to_owned(),
                (field, path) => format!("{path}.{field}"),
            };
            let fields = described.fields(name).iter();
            fields
                .flat_map(|field| leaves(described, field.kind, &inside(field.name), &open))
                .collect()
        }
    }
}

/// The body that has only this value.
fn wrap(path: &str, value: Value) -> Value {
    let (before, last) = if let Some(list) = path.strip_suffix("[]") {
        (list, json!([value]))
    } else if let Some(map) = path.strip_suffix("{}") {
        (map, json!({ "key": value }))
    } else {
        match path.rfind(['.', ']', '}']) {
            Some(at) => (
                &path[..at + usize::from(!path[at..].starts_with('.'))],
                json!({ &path[at + 1..]: value }),
            ),
            None => {
                return if path.is_empty() {
                    value
                } else {
                    json!({ path: value })
                };
            }
        }
    };
    wrap(before, last)
}

/// The row for a name: its own, or that of a field above it.
fn row(rows: &[Supported], name: &str) -> Option<Supported> {
    let covers = |own: &str| {
        let rest = name.strip_prefix(own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
    };
    rows.iter().copied().find(|(own, _)| covers(own))
}

/// Sends a value of something; panics unless the table has it, or the refusal names it.
async fn try_one(what: &str, row: Option<Supported>, send: impl AsyncFn(Option<&str>) -> (u16, String)) {
    let (status, message) = send(None).await;
    match row.map(|(_, support)| support) {
        None => {
            let name = what.split_once(' ').unwrap().1;
            // It does not know that a field which it does not have is a map.
            let without_keys = |text: &str| text.replace("{}", "").replace(".key", "");
            let named = without_keys(&message).contains(&without_keys(name))
                && message.contains("the fake engine does not support");
            assert!(status == 501 && named, "{what} is dropped: {status} {message}");
        }
        Some(Support::Only(values)) => {
            assert_eq!(status, 501, "{what}: {message}");
            for value in values {
                let (status, message) = send(Some(value)).await;
                assert_ne!(status, 501, "{what}={value}: {message}");
            }
        }
        Some(_) => assert_ne!(status, 501, "{what}: {message}"),
    }
}

/// The described operations that the fake engine has.
fn operations() -> impl Iterator<Item = (&'static OperationInfo, &'static Operation)> {
    engine_api::operations().filter_map(|info| Some((info, operation(info.id)?)))
}

#[tokio::test]
async fn fields_have_an_effect_or_are_refused() {
    let docker = engine();
    let mut tried = 0;
    for described in Description::all() {
        for (info, supported) in operations().filter(|(info, _)| !NO_JSON.contains(&info.id)) {
            let bodies = described
                .bodies()
                .filter(|[id, side, _]| (*id, *side) == (info.id, "body"));
            let rows: Vec<Supported> = supported.fields().collect();
            for leaf in bodies.flat_map(|[_, _, kind]| leaves(&described, kind, "", &[])) {
                let send = async |value: Option<&str>| {
                    let value = match value {
                        None => leaf.value.clone(),
                        Some(word) => word.parse().map_or_else(|_| json!(word), Value::Bool),
                    };
                    answer(&docker, info.method, &path(info), &wrap(&leaf.path, value)).await
                };
                // The value of a flag that is accepted only when it is true.
                let only_true =
                    row(&rows, &leaf.path).is_some_and(|(_, support)| support == Support::Only(&["true"]));
                if only_true {
                    let refused = send(Some("false")).await;
                    assert_eq!((refused.0, send(Some("true")).await.0 == 501), (501, false));
                    continue;
                }
                try_one(
                    &format!("{} {}", info.id, leaf.path),
                    row(&rows, &leaf.path),
                    send,
                )
                .await;
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[tokio::test]
async fn parameters_have_an_effect_or_are_refused() {
    let docker = engine();
    let mut tried = 0;
    for described in Description::all() {
        for (info, supported) in operations() {
            let query = described
                .parameters()
                .filter(|[id, place, name, _]| (*id, *place) == (info.id, "query") && *name != "filters");
            for [_, _, name, kind] in query {
                let sample = match kind {
                    "boolean" => "true",
                    "integer" => "7",
                    _ => "sample",
                };
                let send = async |value: Option<&str>| {
                    let target = format!("{}?{name}={}", path(info), value.unwrap_or(sample));
                    answer(&docker, info.method, &target, &Value::Null).await
                };
                let row = row(supported.query, name);
                try_one(&format!("{} the parameter {name}", info.id), row, send).await;
                tried += 1;
            }
            let keys = described.filters().filter(|[id, _]| *id == info.id);
            for [_, key] in keys {
                let send = async |_: Option<&str>| {
                    let filters = format!("%7B%22{key}%22%3A%5B%22true%22%5D%7D");
                    let target = format!("{}?filters={filters}", path(info));
                    answer(&docker, info.method, &target, &Value::Null).await
                };
                let row = row(supported.filters, key);
                let refused = supported.refused_filters.contains(&key);
                assert_ne!(row.is_some(), refused, "{} {key}", info.id);
                try_one(&format!("{} the filter {key}", info.id), row, send).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

#[tokio::test]
async fn operations_exist_or_are_refused() {
    let docker = engine();
    let swarm = ["/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs"];
    for info in engine_api::operations() {
        let (status, message) = answer(&docker, info.method, &path(info), &Value::Null).await;
        if swarm.iter().any(|begin| info.path.starts_with(begin)) {
            assert_eq!(status, 503, "{}", info.id);
        } else if operation(info.id).is_some() {
            assert_ne!(status, 501, "{}", info.id);
            assert!(!message.contains("page not found"), "{}", info.id);
        } else {
            assert_eq!(status, 501, "{}: {message}", info.id);
            assert!(
                info.method == "HEAD" || message.contains(info.id),
                "{}: {message}",
                info.id
            );
        }
    }
}

#[test]
fn table_has_nothing_that_is_not_described() {
    let mut described = BTreeSet::new();
    for version in Description::all() {
        for [id, _, name, _] in version.parameters() {
            described.insert(format!("{id} {name}"));
        }
        for [id, key] in version.filters() {
            described.insert(format!("{id} {key}"));
        }
        for [id, _, kind] in version.bodies().filter(|[_, side, _]| *side == "body") {
            for leaf in leaves(&version, kind, "", &[]) {
                // A row includes the fields below it.
                let ends = leaf.path.match_indices(['.', '[', '{']).map(|(at, _)| at);
                for end in ends.chain([leaf.path.len()]) {
                    described.insert(format!("{id} {}", &leaf.path[..end]));
                }
            }
        }
    }
    for supported in OPERATIONS.iter().flat_map(|part| part.iter()) {
        let refused = supported
            .refused_filters
            .iter()
            .map(|key| (*key, Support::Effect));
        let rows = supported
            .query
            .iter()
            .chain(supported.filters)
            .copied()
            .chain(refused);
        for (name, support) in rows.chain(supported.fields()) {
            let what = format!("{} {name}", supported.id);
            let known = described.contains(&what) || NOT_DESCRIBED.contains(&what.as_str());
            assert!(known, "{what} is not described");
            if let Support::Harmless(reason) = support {
                assert!(reason.len() > 10, "{what}");
            }
        }
    }
}

/// Every value in a JSON value, with its path, as in the table.
fn values(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let key = if key == "key" {
                "{}".to_owned()
            } else {
                format!(".{key}")
            };
            values(value, &format!("{path}{key}"), found);
        }),
        Value::Array(list) => list
            .iter()
            .for_each(|value| values(value, &format!("{path}[]"), found)),
        value => found.push((path.to_owned(), value.clone())),
    }
}

#[tokio::test]
async fn kept_fields_are_shown_by_an_inspection() {
    let docker = engine();
    let described = Description::of("1.51");
    let mut shown = 0;
    for (id, create, inspect, base, begin) in [
        (
            "ContainerCreate",
            "/containers/create?name=one",
            "/containers/one/json",
            json!({ "Image": "busybox" }),
            ".Config.",
        ),
        (
            "NetworkCreate",
            "/networks/create",
            "/networks/one",
            json!({ "Name": "one" }),
            ".",
        ),
        (
            "VolumeCreate",
            "/volumes/create",
            "/volumes/one",
            json!({ "Name": "one" }),
            ".",
        ),
    ] {
        let rows: Vec<Supported> = operation(id).unwrap().fields().collect();
        let bodies = described
            .bodies()
            .filter(|[of, side, _]| (*of, *side) == (id, "body"));
        for leaf in bodies.flat_map(|[_, _, kind]| leaves(&described, kind, "", &[])) {
            if row(&rows, &leaf.path).is_none_or(|(_, support)| support != Support::Kept) {
                continue;
            }
            let mut body = wrap(&leaf.path, leaf.value.clone());
            let base = base.as_object().unwrap().clone();
            body.as_object_mut().unwrap().extend(base);
            if let Some(mount) = body.pointer_mut("/HostConfig/Mounts/0") {
                (mount["Type"], mount["Target"]) = (json!("tmpfs"), json!("/x"));
            }
            let (status, message) = answer(&docker, "POST", create, &body).await;
            assert_eq!(status, 201, "{}: {message}", leaf.path);
            let mut reply = docker.raw("GET", inspect).send().await.unwrap();
            let mut text = Vec::new();
            while let Some(piece) = reply.body.next().await {
                text.extend_from_slice(&piece.unwrap());
            }
            let mut found = Vec::new();
            values(&serde_json::from_slice(&text).unwrap(), "", &mut found);
            let path = leaf.path.replace("DriverOpts", "Options");
            let wanted = match path.starts_with("HostConfig.") {
                true => (format!(".{path}"), leaf.value.clone()),
                false => (format!("{begin}{path}"), leaf.value.clone()),
            };
            assert!(found.contains(&wanted), "{id} {}: {found:#?}", leaf.path);
            let remove = inspect.trim_end_matches("/json");
            let (status, message) = answer(&docker, "DELETE", remove, &Value::Null).await;
            assert_eq!(status, 204, "{message}");
            shown += 1;
        }
    }
    assert!(shown > 50, "{shown}");
}
