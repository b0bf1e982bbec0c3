//! What a version does not have is refused before it is sent to an engine of that version: the engine would
//! leave it out without a word.

use std::collections::BTreeSet;

use engine_api::{Docker, ErrorKind, Result, Version};
use serde_json::{Value, json};

use super::calls::bodies::BODIES;
use super::calls::engine;
use super::calls::newer::{IMAGES, OTHERS};
use super::exceptions::{Differences, FIELDS_NOT_REFUSED, PARAMETERS_NOT_REFUSED};
use super::facts::{Description, VERSIONS};
use super::places::places;
use super::sample::Sample;

/// A client of an engine that speaks `version` and is content with anything.
fn speaking(version: &str) -> Docker {
    engine()
        .client()
        .with_version(version.parse::<Version>().unwrap())
}

/// Checks a call of what came between two versions: refused by the older, sent by the newer.
fn judge(what: &str, before: Result<()>, after: &Result<()>, wrong: &mut Differences) {
    match before {
        Err(error) if error.kind() == ErrorKind::NeedsApi => {}
        other => wrong.add(what, format!("a call that ended as {other:?}")),
    }
    assert!(after.is_ok(), "{what}: {after:?}");
}

#[tokio::test]
async fn parameters_are_refused_by_versions_that_lack_them() {
    let (mut wrong, mut tried) = (Differences::default(), BTreeSet::new());
    let described: Vec<Description> = Description::all().collect();
    for (at, version) in VERSIONS.iter().enumerate().skip(1) {
        let has = |at: usize, operation, parameter| {
            described[at]
                .parameters()
                .any(|[id, _, name, _]| (id, name) == (operation, parameter))
        };
        for (operation, parameter, call) in IMAGES.iter().chain(&OTHERS) {
            if has(at, operation, *parameter) && !has(at - 1, operation, *parameter) {
                let (before, after) = (speaking(VERSIONS[at - 1]), speaking(version));
                let what = format!("{operation} {parameter}");
                judge(&what, call(&before).await, &call(&after).await, &mut wrong);
                tried.insert(what);
            }
        }
        for [operation, _, parameter, _] in described[at].parameters() {
            let what = format!("{operation} {parameter}");
            let newer = !has(at - 1, operation, parameter) && operation != "ContainerAttachWebsocket";
            assert!(
                !newer || tried.contains(&what),
                "{what} came by {version} and is not tried"
            );
        }
    }
    wrong.are_only(PARAMETERS_NOT_REFUSED);
}

/// Adds all of `more` to `to`.
fn merge(to: &mut Value, more: Value) {
    match (to, more) {
        (Value::Object(to), Value::Object(more)) => {
            for (key, value) in more {
                merge(to.entry(key).or_insert(Value::Null), value);
            }
        }
        (to, more) => *to = more,
    }
}

/// The fields of a body that came between two versions: the name, and the body with nothing but the field.
fn newer_fields(older: &Description, newer: &Description, kind: &'static str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (definition, place) in places(newer, kind) {
        if !older.definitions().any(|name| name == definition) {
            continue; // what leads here is newer itself
        }
        let before: BTreeSet<&str> = older.fields(definition).iter().map(|field| field.name).collect();
        for field in newer
            .fields(definition)
            .iter()
            .filter(|field| !before.contains(field.name))
        {
            let value = json!({ field.name: Sample::of(newer, field.kind, 0) });
            found.push((format!("{definition}.{}", field.name), place.wrap(value)));
        }
    }
    found
}

#[tokio::test]
async fn fields_are_refused_by_versions_that_lack_them() {
    let mut wrong = Differences::default();
    let described: Vec<Description> = Description::all().collect();
    for (older, newer) in described.iter().zip(&described[1..]) {
        let had: BTreeSet<&str> = older.bodies().map(|[operation, ..]| operation).collect();
        let bodies = newer
            .bodies()
            .filter(|[operation, side, _]| *side == "body" && had.contains(operation));
        for [operation, _, kind] in bodies {
            for (name, value) in newer_fields(older, newer, kind) {
                let what = format!("{operation} {name}");
                let row = BODIES.iter().find(|(id, ..)| *id == operation);
                let (_, least, call) = row.unwrap_or_else(|| panic!("{what} is new, and no call is listed"));
                let mut body = least();
                merge(&mut body, value);
                let body = body.to_string().into_bytes();
                let (before, after) = (speaking(older.version), speaking(newer.version));
                let before = call(&before, body.clone()).await;
                judge(&what, before, &call(&after, body).await, &mut wrong);
            }
        }
    }
    wrong.are_only(FIELDS_NOT_REFUSED);
}
