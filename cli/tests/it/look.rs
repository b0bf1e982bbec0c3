//! `isolate doctor` and `isolate api`, where no engine answers.

use crate::bench::{Bench, NOWHERE};

#[test]
fn doctor_lists_the_place_that_was_tried_and_why_it_is_not_it() {
    let bench = Bench::new();
    let ended = bench.isolate(&["doctor"]);
    assert_eq!(ended.code(), Some(1));
    assert!(
        ended.stdout().contains(&format!("{NOWHERE} (DOCKER_HOST): ")),
        "{}",
        ended.stdout()
    );
    assert!(ended.stdout().contains("no such file"), "{}", ended.stdout());
    let ended = bench.isolate(&["doctor", "--host", "unix:///else/where.sock"]);
    assert!(
        ended.stdout().contains("unix:///else/where.sock (--host): "),
        "{}",
        ended.stdout()
    );
}

#[test]
fn doctor_tells_programs_the_same() {
    let bench = Bench::new();
    let ended = bench.isolate(&["doctor", "--json"]);
    assert_eq!(ended.code(), Some(1));
    let report = &ended.lines()[0];
    assert_eq!(report["endpoints"][0]["address"], NOWHERE);
    assert_eq!(
        (&report["able"], &report["engine"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn without_docker_host_the_usual_places_are_tried() {
    let bench = Bench::new();
    let mut command = bench.command(&["doctor", "--json"]);
    // A home without sockets; the system's own may answer.
    command.env_remove("DOCKER_HOST").env("HOME", "/no/such/home");
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    assert!(endpoints.len() > 5, "{endpoints:?}");
    assert_eq!(endpoints[0]["source"], "the default socket");
}

#[test]
fn the_table_of_operations_needs_no_engine() {
    let bench = Bench::new();
    let table = bench.isolate(&["api", "--list"]);
    assert_eq!(table.code(), Some(0));
    assert!(table.stdout().lines().any(|line| {
        line.split_whitespace()
            .take(3)
            .eq(["ContainerStart", "POST", "/containers/{id}/start"])
    }));
    let rows = bench.isolate(&["--json", "api", "--list"]).lines();
    let rows = rows[0].as_array().unwrap();
    assert_eq!(rows.len(), table.stdout().lines().count() - 1);
    assert!(
        rows.iter()
            .all(|row| row["id"].is_string() && row["success"].is_array())
    );
}

#[test]
fn the_table_of_operations_is_the_one_in_the_document() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine-api/COVERAGE.md");
    let document = std::fs::read_to_string(document).unwrap();
    let rows = Bench::new().isolate(&["--json", "api", "--list"]).lines();
    let rows = rows[0].as_array().unwrap();
    assert!(rows.len() > 100, "{}", rows.len());
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let (id, method, path) = (text("id"), text("method"), text("path"));
        let engines = row["recorded"].as_object().unwrap();
        // Objects come sorted by their keys, as the folders of the recordings do.
        let words: Vec<&str> = engines.values().map(|word| word.as_str().unwrap()).collect();
        let (since, reply) = (text("since"), text("reply"));
        let line = format!(
            "| {id} | `{method} {path}` | {since} | {reply} | {} |",
            words.join(" | ")
        );
        assert!(
            document.lines().any(|other| other == line),
            "not in the document: {line}"
        );
        let holes = words.iter().any(|word| ["-", "refused"].contains(word));
        assert_eq!(holes, !row["reasons"].as_array().unwrap().is_empty(), "{id}");
    }
}

#[test]
fn a_call_that_reaches_no_engine_says_where_it_was_looked_for() {
    let bench = Bench::new();
    let ended = bench.isolate(&["api", "GET", "/info"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains(NOWHERE) && ended.stderr().contains("hint: "),
        "{}",
        ended.stderr()
    );
    let ended = bench.isolate(&["api", "POST", "/x", "--data", "@/no/such/file"]);
    assert!(
        ended.stderr().contains("cannot read the body"),
        "{}",
        ended.stderr()
    );
}
