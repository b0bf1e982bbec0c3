//! No type shows a possible secret in `Debug`, at any place in a body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fields::roots;
use crate::spec::definition_paths::places;
use crate::spec::spec_tables::{Description, Field, Kind};

const CANARY: &str = "hunter2-canary";
const CANARY_IN_BASE64: &str = "aHVudGVyMi1jYW5hcnk=";

/// Properties that contain secrets, or may contain them: the start of their definitions, their
/// names, their types.
const SECRETS: [(&str, &str, &str); 18] = [
    ("", "DriverOpts", "{string}"),
    ("", "Env", "[string]"),
    ("", "Options", "{string}"), // of drivers: the password of a share, the token of a log server
    ("AuthConfig", "password", "string"),
    ("AuthResponse", "IdentityToken", "string"),
    ("ConfigCreate", "Data", "base64"),
    ("ConfigSpec", "Data", "base64"),
    ("HostConfig.LogConfig", "Config", "{string}"),
    ("JoinTokens", "Manager", "string"),
    ("JoinTokens", "Worker", "string"),
    ("PluginEnv", "Value", "string"),
    ("SecretCreate", "Data", "base64"),
    ("SecretSpec", "Data", "base64"),
    ("SwarmSpec.CAConfig", "SigningCAKey", "string"),
    ("SwarmUnlock.body", "UnlockKey", "string"),
    ("SwarmUnlockkey", "UnlockKey", "string"),
    ("SystemAuth", "IdentityToken", "string"),
    ("Volume", "Options", "{string}"),
];

/// The secrets in a value of a property.
fn secrets(definition: &str, field: &Field) -> impl Iterator<Item = usize> {
    let is = move |(start, name, kind): &(&str, &str, &str)| {
        definition.starts_with(start) && (*name, *kind) == (field.name, field.kind)
    };
    SECRETS
        .iter()
        .enumerate()
        .filter(move |(_, one)| is(one))
        .map(|(index, _)| index)
}

fn planted(kind: &str) -> Value {
    match Kind::of(kind) {
        Kind::List(..) => json!([format!("TOKEN={CANARY}")]),
        Kind::Map(_) => json!({ "key": CANARY }),
        Kind::Bytes => json!(CANARY_IN_BASE64),
        _ => json!(CANARY),
    }
}

fn has_canary(text: &str) -> bool {
    // As text, in base64, and as the list of numbers that `Debug` prints for bytes.
    let numbers: Vec<String> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    text.contains(CANARY) || text.contains(CANARY_IN_BASE64) || text.contains(&numbers.join(", "))
}

#[test]
fn no_secret_is_shown_anywhere() {
    let mut shown = BTreeMap::new();
    let mut tried = BTreeSet::new();
    for described in Description::all() {
        for root in roots(&described) {
            for (definition, place) in places(&described, root.kind) {
                for field in described.fields(definition) {
                    for secret in secrets(definition, field) {
                        let body = place.wrap(json!({ field.name: planted(field.kind) }));
                        let kept = (root.round_trip)(body.to_string().as_bytes()).unwrap();
                        let name = format!("{definition}.{} in {}", field.name, root.name);
                        // Only decoded fields can be shown; the tests of `fields` report the
                        // missing ones.
                        if has_canary(&kept.encoded.to_string()) {
                            tried.insert(secret);
                        }
                        if has_canary(&kept.shown) {
                            shown.insert(name, kept.shown);
                        }
                    }
                }
            }
        }
    }
    assert!(shown.is_empty(), "{shown:#?}");
    let idle: Vec<_> = (0..SECRETS.len())
        .filter(|one| !tried.contains(one))
        .map(|one| SECRETS[one])
        .collect();
    assert!(idle.is_empty(), "nothing has these: {idle:?}");
}

#[test]
fn shown_secret_is_found() {
    assert!(has_canary(&format!("{:?}", CANARY.as_bytes())));
    assert!(has_canary(&format!("{:?}", planted("base64"))));
    assert!(has_canary(&format!("{:?}", planted("[string]"))));
    assert!(!has_canary("***"));
}
