//! The table of operations.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::{OperationInfo, Version, operations};

/// A row of `fixtures/spec/operations.tsv`.
struct Described {
    method: &'static str,
    path: &'static str,
    success: BTreeSet<u16>,
    kind: &'static str,
    first: &'static str,
}

fn described() -> BTreeMap<&'static str, Described> {
    let table = include_str!("../../fixtures/spec/operations.tsv");
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let success = columns[5].split(',').map(|code| code.parse().unwrap()).collect();
        let row = Described {
            method: columns[1],
            path: columns[2],
            success,
            kind: columns[6],
            first: columns[7],
        };
        (columns[0], row)
    };
    table.lines().skip(1).map(row).collect()
}

/// Operations that engines support and the description omits: checkpoints, because they are
/// experimental, and the end of a build, because only the `docker` command calls it.
const UNDESCRIBED: [&str; 4] = [
    "CheckpointCreate",
    "CheckpointDelete",
    "CheckpointList",
    "BuildCancel",
];

/// Runs a check on each declared operation and its row, and fails with a list of all differences.
fn compare(check: impl Fn(&OperationInfo, &Described) -> Option<String>) {
    let described = described();
    let wrong: Vec<String> = operations()
        .filter(|facts| !UNDESCRIBED.contains(&facts.id))
        .filter_map(|facts| match described.get(facts.id) {
            Some(row) => check(facts, row).map(|what| format!("{}: {what}", facts.id)),
            None => Some(format!("{}: not in the description", facts.id)),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_operation_is_declared_twice() {
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = operations()
        .map(|facts| facts.id)
        .filter(|id| !seen.insert(*id))
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn undescribed_exceptions_are_declared_operations() {
    let described = described();
    let declared: BTreeSet<&str> = operations().map(|facts| facts.id).collect();
    for id in UNDESCRIBED {
        assert!(declared.contains(id) && !described.contains_key(id), "{id}");
    }
}

#[test]
fn methods_and_paths_are_those_of_the_description() {
    compare(|facts, row| {
        let ours = (facts.method, facts.path);
        (ours != (row.method, row.path))
            .then(|| format!("{ours:?}, described as {} {}", row.method, row.path))
    });
}

#[test]
fn success_codes_are_those_of_the_description() {
    compare(|facts, row| {
        let ours: BTreeSet<u16> = facts.success.iter().copied().collect();
        (ours != row.success).then(|| format!("{ours:?}, described as {:?}", row.success))
    });
}

#[test]
fn the_first_version_is_that_of_the_description() {
    compare(|facts, row| {
        let first = row
            .first
            .trim_start_matches("<=")
            .parse::<Version>()
            .unwrap()
            .max(Version::OLDEST);
        (facts.since != first).then(|| format!("since {}, described as {first}", facts.since))
    });
}

/// The start of a kind in the description, and the reply shapes that fit it.
const SHAPES: [(&str, &[&str]); 10] = [
    ("json", &["json"]),
    ("none", &["empty", "changed"]),
    ("headers only", &["headers"]),
    ("tar", &["bytes"]),
    ("ndjson", &["json stream"]),
    ("stream: concatenated JSON", &["json stream"]),
    ("stream: multiplexed", &["output"]),
    ("stream: JSON lines", &["json stream"]),
    ("hijack-upgrade", &["duplex"]),
    // The result of a ping is in its headers.
    ("text", &["headers"]),
];

#[test]
fn replies_have_the_shape_that_really_comes_back() {
    compare(|facts, row| {
        let Some((_, shapes)) = SHAPES.iter().find(|(kind, _)| row.kind.starts_with(kind)) else {
            return Some(format!(
                "the description's kind {:?} is not known to this test",
                row.kind
            ));
        };
        (!shapes.contains(&facts.reply)).then(|| format!("{}, described as {}", facts.reply, row.kind))
    });
}

#[test]
fn every_operation_of_the_description_is_declared() {
    let declared: BTreeSet<&str> = operations().map(|facts| facts.id).collect();
    // Not supported on purpose: exec and attach over HTTP do the same without a WebSocket library.
    let declined = ["ContainerAttachWebsocket"];
    let missing: Vec<&str> = described()
        .into_keys()
        .filter(|id| !declared.contains(id) && !declined.contains(id))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
