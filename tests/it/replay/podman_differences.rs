//! Checks that every difference in `engine-api/PODMAN.md` is in the recording that it names.

use std::path::{Path, PathBuf};

use engine_fixtures::{Recording, recordings_dir};

/// A row of the table: a call, and the recorded exchange that shows the difference.
#[derive(Debug)]
struct Row {
    method: String,
    path: String,
    scenario: String,
    seq: u64,
}

/// The rows of the table in a document.
fn rows(document: &str) -> Vec<Row> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| row(line).unwrap_or_else(|| panic!("not call | … | [scenario number] |: {line}")))
        .collect()
}

fn row(line: &str) -> Option<Row> {
    let call = line.strip_prefix("| `")?.split('`').next()?;
    let (method, path) = call.split_once(' ')?;
    let (scenario, seq) = line.strip_suffix("] |")?.rsplit_once('[')?.1.split_once(' ')?;
    Some(Row {
        method: method.to_owned(),
        path: path.to_owned(),
        scenario: scenario.to_owned(),
        seq: seq.parse().ok()?,
    })
}

/// Whether a recorded path matches a path with parameters such as `{name}`.
fn fits(call: &str, recorded: &str) -> bool {
    let recorded = match recorded.strip_prefix("/v1.") {
        Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => recorded,
    };
    match call.split_once('{') {
        None => call == recorded,
        Some((start, rest)) => {
            let end = rest.split_once('}').map_or("", |(_, end)| end);
            recorded.starts_with(start) && recorded.ends_with(end) && recorded.len() > start.len() + end.len()
        }
    }
}

fn recording(scenario: &str) -> PathBuf {
    recordings_dir().join("podman-5").join(format!("{scenario}.json"))
}

fn problem(row: &Row) -> Option<String> {
    let recording = match Recording::load(&recording(&row.scenario)) {
        Ok(recording) => recording,
        Err(error) => return Some(error.to_string()),
    };
    let exchange = recording
        .exchanges
        .iter()
        .find(|exchange| u64::from(exchange.seq) == row.seq);
    match exchange.map(|exchange| &exchange.request) {
        None => Some("it has no such exchange".into()),
        Some(request) if request.method == row.method && fits(&row.path, &request.path) => None,
        Some(request) => Some(format!("that is {} {}", request.method, request.path)),
    }
}

#[test]
fn every_difference_is_recorded() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-api/PODMAN.md");
    let rows = rows(&std::fs::read_to_string(document).unwrap());
    assert!(rows.len() > 30, "{} rows", rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| problem(row).map(|why| format!("{} {}: {why}", row.scenario, row.seq)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn row_without_its_recording_is_found() {
    let row = |text: &str| row(text).unwrap();
    let there = row("| `POST /auth` | a | b | c | [system/auth 2] |");
    assert!(problem(&there).is_none());
    for text in [
        "| `POST /auth` | a | b | c | [system/none 2] |",
        "| `POST /auth` | a | b | c | [system/auth 99] |",
        "| `GET /auth` | a | b | c | [system/auth 2] |",
        "| `POST /authors` | a | b | c | [system/auth 2] |",
    ] {
        assert!(problem(&row(text)).is_some(), "{text}");
    }
    assert!(
        fits("/images/{name}/push", "/v1.44/images/a/b/push")
            && !fits("/images/{name}/push", "/v1.44/images//push")
    );
}
