//! `isolate api` without a Docker daemon.

use crate::support::{NOWHERE, Workspace};

#[test]
fn operations_are_listed_without_a_daemon() {
    let workspace = Workspace::new();
    let table = workspace.isolate(&["api", "--list"]);
    assert_eq!(table.code(), Some(0));
    assert!(table.stdout().lines().any(|line| {
        line.split_whitespace()
            .take(3)
            .eq(["ContainerStart", "POST", "/containers/{id}/start"])
    }));
    let rows = workspace.isolate(&["--json", "api", "--list"]).lines();
    let rows = rows[0].as_array().unwrap();
    assert_eq!(rows.len(), table.stdout().lines().count() - 1);
    assert!(
        rows.iter()
            .all(|row| row["id"].is_string() && row["success"].is_array())
    );
}

#[test]
fn listed_operations_match_coverage_md() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine-api/COVERAGE.md");
    let document = std::fs::read_to_string(document).unwrap();
    let rows = Workspace::new().isolate(&["--json", "api", "--list"]).lines();
    let rows = rows[0].as_array().unwrap();
    assert!(rows.len() > 100, "{}", rows.len());
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let (id, method, path) = (text("id"), text("method"), text("path"));
        let engines = row["recorded"].as_object().unwrap();
        // Objects are sorted by their keys, as the directories of the recordings are.
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
fn call_without_a_daemon_reports_the_address() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["api", "GET", "/info"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains(NOWHERE) && ended.stderr().contains("hint: "),
        "{}",
        ended.stderr()
    );
    let ended = workspace.isolate(&["api", "POST", "/x", "--data", "@/no/such/file"]);
    assert!(
        ended.stderr().contains("cannot read the body"),
        "{}",
        ended.stderr()
    );
}
