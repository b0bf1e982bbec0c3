//! The tables of the operations that were recorded on each engine, and the operations that were
//! not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine_fixtures::coverage::{Coverage, Reason, reasons};
use engine_fixtures::recordings_dir;

/// The command that writes the tables again.
const RENEW: &str = "RENEW=1 cargo test -p tests --test conformance coverage";

/// The start and the end of the table in `engine-api/COVERAGE.md`.
const MARKS: [&str; 2] = ["<!-- printed -->\n", "<!-- end -->\n"];

fn recorded() -> Coverage {
    Coverage::read(&recordings_dir()).unwrap()
}

/// A file of the repository, by its path from the root.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a file with its expected text, or writes that text if `RENEW` is set.
fn is_current(path: &str, text: &str) {
    if std::env::var_os("RENEW").is_some() {
        return std::fs::write(file(path), text).unwrap();
    }
    let kept = std::fs::read_to_string(file(path)).unwrap();
    let differs = kept.lines().zip(text.lines()).find(|(kept, text)| kept != text);
    assert!(
        kept == text,
        "{path} differs from the recordings, first at {differs:?}; run `{RENEW}` to write it again"
    );
}

/// The table in the document.
fn printed(coverage: &Coverage) -> String {
    let mut text = format!(
        "| operation | request | since | reply | {} |\n|---|---|---|---|{}\n",
        coverage.engines().join(" | "),
        "---|".repeat(coverage.engines().len()),
    );
    for (facts, seen) in coverage.rows() {
        let words: Vec<&str> = seen.iter().map(|seen| seen.word()).collect();
        let (id, method, path, since) = (facts.id, facts.method, facts.path, facts.since);
        let reply = facts.reply;
        let words = words.join(" | ");
        writeln!(text, "| {id} | `{method} {path}` | {since} | {reply} | {words} |").unwrap();
    }
    text.push('\n');
    for reason in reasons() {
        let operations = reason.operations.join("`, `");
        let engines = match reason.engines {
            [] => String::new(),
            engines => format!(" on {}", engines.join(", ")),
        };
        text.push_str(&wrapped(&format!("- `{operations}`{engines}: {}", reason.why)));
    }
    text
}

/// An item of a list, in lines of at most 100 columns.
fn wrapped(item: &str) -> String {
    let (mut text, mut columns) = (String::new(), 0);
    for word in item.split(' ') {
        let length = word.chars().count();
        if columns > 0 && columns + 1 + length > 100 {
            text.push_str("\n ");
            columns = 1;
        }
        if columns > 0 {
            text.push(' ');
            columns += 1;
        }
        text.push_str(word);
        columns += length;
    }
    text + "\n"
}

#[test]
fn coverage_in_the_program_matches_the_recordings() {
    is_current("fixtures/spec/recorded.tsv", &recorded().to_tsv());
}

#[test]
fn coverage_document_matches_the_recordings() {
    let path = "engine-api/COVERAGE.md";
    let text = std::fs::read_to_string(file(path)).unwrap();
    let (before, rest) = text.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let table = printed(&recorded());
    is_current(
        path,
        &format!("{before}{}\n{table}\n{}{after}", MARKS[0], MARKS[1]),
    );
}

#[test]
fn every_unrecorded_operation_has_a_reason() {
    let recorded = recorded();
    let explained = |(id, engine): &(&str, &str)| reasons().iter().any(|reason| reason.explains(id, engine));
    let unexplained: Vec<_> = recorded.missing().filter(|hole| !explained(hole)).collect();
    assert!(
        unexplained.is_empty(),
        "record a success, or add the reason for its absence to fixtures/src/coverage/reasons.rs: {unexplained:?}"
    );
}

/// A reason for each prefix of the operations that have it.
fn alone(reason: &Reason) -> impl Iterator<Item = Reason> {
    let reason = *reason;
    reason.operations.chunks(1).map(move |operations| {
        let mut one = reason;
        one.operations = operations;
        one
    })
}

#[test]
fn every_reason_names_an_unrecorded_operation() {
    let recorded = recorded();
    let all: Vec<Reason> = reasons().iter().flat_map(alone).collect();
    let others = |one: &Reason, id: &str, engine: &str| {
        let mut others = all.iter().filter(|other| *other != one);
        others.any(|other| other.explains(id, engine))
    };
    let needed = |one: &&Reason| {
        let mut holes = recorded.missing();
        holes.any(|(id, engine)| one.explains(id, engine) && !others(one, id, engine))
    };
    let idle: Vec<_> = all.iter().filter(|one| !needed(one)).collect();
    assert!(
        idle.is_empty(),
        "these operations are recorded, or another reason covers them: remove {idle:#?}"
    );
}
