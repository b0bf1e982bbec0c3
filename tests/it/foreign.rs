//! What programs that are not ours said to engines: whole, in the order of things, and to be read.
//!
//! `tests/foreign/run` makes these recordings and replays them to the programs, where those are installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_fixtures::{Player, Recording, recordings_dir};

/// What each of them does at least: ends of paths.
const CALLS: &[&str] = &[
    "/events",
    "/images/create",
    "/containers/create",
    "/start",
    "/exec",
    "/logs",
    "/stats",
    "/archive",
    "/attach",
    "/wait",
    "/build",
    "/networks/create",
    "/volumes/create",
];

fn folder() -> PathBuf {
    recordings_dir().with_file_name("foreign")
}

fn recordings() -> Vec<(PathBuf, Recording)> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    files
        .map(|path| (path.clone(), Recording::load(&path).unwrap()))
        .collect()
}

#[test]
fn every_client_does_what_clients_do() {
    let recordings = recordings();
    let names: BTreeSet<_> = recordings
        .iter()
        .map(|(_, recording)| recording.meta.scenario.as_str())
        .collect();
    let expected = ["bollard", "docker-20", "docker-28", "docker-28.2", "docker-py"]
        .map(|name| format!("foreign/{name}"));
    assert_eq!(names, expected.iter().map(String::as_str).collect());
    for (path, recording) in &recordings {
        assert!(recording.exchanges.len() > 25, "{}", path.display());
        for call in CALLS {
            let called = recording
                .exchanges
                .iter()
                .any(|exchange| exchange.request.path.ends_with(call));
            assert!(called, "{}: {call}", path.display());
        }
    }
}

#[test]
fn every_recording_can_be_played_and_shown_and_tells_no_secret() {
    for (path, recording) in recordings() {
        let player = Player::new(recording.clone()).unwrap();
        assert_eq!(player.report().unused.len(), recording.exchanges.len());
        recording.find_secrets(&[], &[]).unwrap();
        let transcript = recording.transcript();
        let last = recording.exchanges.last().unwrap();
        for line in [
            format!("#{}", last.seq),
            format!("> {} {}", last.request.method, last.request.path),
        ] {
            assert!(
                transcript.lines().any(|shown| shown.starts_with(&line)),
                "{}: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn the_names_of_a_run_are_in_no_recording() {
    for (path, _) in recordings() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut names = text.match_indices("ftest_").map(|(at, _)| &text[at + 6..]);
        assert!(names.clone().count() > 10);
        assert!(
            names.all(|rest| rest.starts_with("{{name:1}}")),
            "{}",
            path.display()
        );
        assert!(
            Path::new(&path).with_extension("txt").is_file(),
            "what the program printed"
        );
    }
}
