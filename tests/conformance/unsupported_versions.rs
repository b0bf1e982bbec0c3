//! A field or parameter that a version does not know, or has dropped, is rejected before the
//! request is sent: an engine of that version would ignore it silently.

use std::collections::BTreeSet;

use engine_api::{Docker, ErrorKind, Result, Version};
use serde_json::{Value, json};

use super::calls::bodies::BODIES;
use super::calls::engine;
use super::calls::version_gates::GATED;
use crate::spec::definition_paths::places;
use crate::spec::exceptions::{Differences, FIELDS_NOT_REFUSED, GONE_NOT_REFUSED, PARAMETERS_NOT_REFUSED};
use crate::spec::sample::Sample;
use crate::spec::spec_tables::{Description, VERSIONS};

/// A client of an engine that has API version `version` and accepts every request.
fn speaking(version: &str) -> Docker {
    engine()
        .client()
        .with_version(version.parse::<Version>().unwrap())
}

/// Checks a call with a field that only one of two versions knows: rejected for the one without it,
/// sent to the other.
fn check_gate(what: &str, without: Result<()>, with: &Result<()>, wrong: &mut Differences) {
    match without {
        Err(error) if error.kind() == ErrorKind::NeedsApi => {}
        other => wrong.add(what, format!("a call that ended as {other:?}")),
    }
    assert!(with.is_ok(), "{what}: {with:?}");
}

#[tokio::test]
async fn new_parameters_are_rejected_by_older_versions() {
    let (mut wrong, mut tried) = (Differences::default(), BTreeSet::new());
    let described: Vec<Description> = Description::all().collect();
    for (at, version) in VERSIONS.iter().enumerate().skip(1) {
        let has = |at: usize, operation, parameter| {
            described[at]
                .parameters()
                .any(|[id, _, name, _]| (id, name) == (operation, parameter))
        };
        for (operation, parameter, call) in &GATED {
            if has(at, operation, *parameter) && !has(at - 1, operation, *parameter) {
                let (before, after) = (speaking(VERSIONS[at - 1]), speaking(version));
                let what = format!("{operation} {parameter}");
                check_gate(&what, call(&before).await, &call(&after).await, &mut wrong);
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

/// Merges `more` into `to`.
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

/// The fields of a body that `with` knows and `without` does not: the name, and a body with only
/// that field.
fn fields_of_one(without: &Description, with: &Description, kind: &'static str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (definition, place) in places(with, kind) {
        if !without.definitions().any(|name| name == definition) {
            continue; // a field above it is missing
        }
        let others: BTreeSet<&str> = without
            .fields(definition)
            .iter()
            .map(|field| field.name)
            .collect();
        for field in with
            .fields(definition)
            .iter()
            .filter(|field| !others.contains(field.name))
        {
            let value = match field.name {
                // The client checks its form before the version.
                "MacAddress" => json!("02:42:ac:11:00:02"),
                _ => Sample::of(with, field.kind, 0),
            };
            let value = json!({ field.name: value });
            found.push((format!("{definition}.{}", field.name), place.wrap(value)));
        }
    }
    found
}

/// Calls with each field that `with` knows and `without` does not.
async fn call_with_fields(without: &Description, with: &Description, wrong: &mut Differences) {
    let known: BTreeSet<&str> = without.bodies().map(|[operation, ..]| operation).collect();
    let bodies = with
        .bodies()
        .filter(|[operation, side, _]| *side == "body" && known.contains(operation));
    for [operation, _, kind] in bodies {
        for (name, value) in fields_of_one(without, with, kind) {
            let what = format!("{operation} {name}");
            let row = BODIES.iter().find(|(id, ..)| *id == operation);
            let (_, least, call) = row.unwrap_or_else(|| panic!("{what}: no call is listed"));
            let mut body = least();
            merge(&mut body, value);
            let body = body.to_string().into_bytes();
            let (one, other) = (speaking(without.version), speaking(with.version));
            let refused = call(&one, body.clone()).await;
            check_gate(&what, refused, &call(&other, body).await, wrong);
        }
    }
}

#[tokio::test]
async fn new_fields_are_rejected_by_older_versions() {
    let mut wrong = Differences::default();
    let described: Vec<Description> = Description::all().collect();
    for (older, newer) in described.iter().zip(&described[1..]) {
        call_with_fields(older, newer, &mut wrong).await;
    }
    wrong.are_only(FIELDS_NOT_REFUSED);
}

#[tokio::test]
async fn removed_fields_are_rejected_by_newer_versions() {
    let mut wrong = Differences::default();
    let described: Vec<Description> = Description::all().collect();
    for (older, newer) in described.iter().zip(&described[1..]) {
        call_with_fields(newer, older, &mut wrong).await;
    }
    wrong.are_only(GONE_NOT_REFUSED);
}
