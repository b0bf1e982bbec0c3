//! Recordings of programs that are not ours: complete, in order and readable.
//!
//! `tests/foreign/run` makes these recordings, and replays them to the programs that are installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_fixtures::faults::{Fault, Faulty};
use engine_fixtures::recording::{Event, Exchange, Framing};
use engine_fixtures::{Player, Recording, recordings_dir};

/// A method, the end of a path, and query parameters, each with its allowed values.
type Call = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

/// The requests that every client sends at least.
const CALLS: &[Call] = &[
    ("GET", "/events", &[]),
    (
        "POST",
        "/images/create",
        &[("fromImage", &["127.0.0.1:5001/single/busybox"])],
    ),
    ("POST", "/containers/create", &[]),
    ("POST", "/start", &[]),
    ("POST", "/exec", &[]),
    ("GET", "/logs", &[("follow", TRUE)]),
    ("GET", "/stats", &[]),
    ("PUT", "/archive", &[]),
    ("GET", "/archive", &[]),
    ("POST", "/attach", &[("stdin", TRUE)]),
    ("POST", "/attach", &[("stdout", TRUE)]),
    ("POST", "/wait", &[]),
    ("POST", "/build", &[]),
    ("POST", "/networks/create", &[]),
    ("POST", "/volumes/create", &[]),
    ("DELETE", "/ftest_{{name:1}}_image", &[]),
];

/// The requests as each client writes them.
const TRUE: &[&str] = &["1", "true", "True"];

fn is_call(exchange: &Exchange, call: &Call) -> bool {
    let (request, (method, end, pairs)) = (&exchange.request, call);
    let has_pair = |wanted: &(&str, &[&str])| {
        let mut pairs = request.query.iter();
        pairs.any(|(key, value)| key == wanted.0 && wanted.1.contains(&value.as_str()))
    };
    request.method == *method && request.path.ends_with(end) && pairs.iter().all(has_pair)
}

/// Whether a command in a container got input, and the input ended.
fn is_typed_into(exchange: &Exchange) -> bool {
    let reply = exchange.response.as_ref();
    let events = reply
        .and_then(|reply| reply.hijack.as_deref())
        .unwrap_or_default();
    let sent = events.iter().any(|event| matches!(event, Event::Send(_)));
    sent && events.contains(&Event::SendEof) && exchange.request.path.contains("/exec/")
}

/// Whether a container was removed.
fn is_removal(exchange: &Exchange) -> bool {
    let status = exchange.response.as_ref().map(|reply| reply.status);
    let request = &exchange.request;
    request.method == "DELETE" && request.path.contains("/containers/") && matches!(status, Some(200 | 204))
}

fn directory() -> PathBuf {
    recordings_dir().with_file_name("foreign")
}

fn recordings() -> Vec<(PathBuf, Recording)> {
    let entries = std::fs::read_dir(directory()).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    files
        .map(|path| (path.clone(), Recording::load(&path).unwrap()))
        .collect()
}

#[test]
fn every_client_calls_the_common_operations() {
    let recordings = recordings();
    let names: BTreeSet<_> = recordings
        .iter()
        .map(|(_, recording)| recording.meta.scenario.as_str())
        .collect();
    let expected = [
        "bollard",
        "docker-20",
        "docker-28",
        "docker-28.2",
        "docker-on-podman",
        "docker-py",
    ]
    .map(|name| format!("foreign/{name}"));
    assert_eq!(names, expected.iter().map(String::as_str).collect());
    for (path, recording) in &recordings {
        assert!(recording.exchanges.len() > 25, "{}", path.display());
        for call in CALLS {
            let called = recording.exchanges.iter().any(|exchange| is_call(exchange, call));
            assert!(called, "{}: {call:?}", path.display());
        }
        let typed = recording.exchanges.iter().any(is_typed_into);
        assert!(typed, "{}: nothing was typed into a command", path.display());
        let removed = recording.exchanges.iter().any(is_removal);
        assert!(removed, "{}: nothing was removed", path.display());
    }
}

#[test]
fn every_recording_replays_and_shows_no_secret() {
    for (path, recording) in recordings() {
        let player = Player::new(recording.clone()).unwrap();
        assert_eq!(player.report().unused.len(), recording.exchanges.len());
        recording.find_secrets(&Default::default()).unwrap();
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
fn names_of_a_run_are_in_no_recording() {
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

/// The recordings of our own command line are included: like the others, no scenario can replay
/// them.
fn all() -> Vec<(PathBuf, Recording)> {
    let engines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/recordings");
    let directories = std::fs::read_dir(engines)
        .unwrap()
        .map(|engine| engine.unwrap().path());
    let files = directories.flat_map(|directory| std::fs::read_dir(directory).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let ours = files.map(|path| (path.clone(), Recording::load(&path).unwrap()));
    let mut all: Vec<_> = recordings().into_iter().chain(ours).collect();
    // Recordings contain no credentials, so the request cannot be repeated.
    let exchanges = all.iter_mut().flat_map(|(_, recording)| &mut recording.exchanges);
    exchanges.for_each(|exchange| {
        exchange.request.headers.remove("x-registry-auth");
        exchange.request.headers.remove("x-registry-config");
    });
    all
}

/// The differences between a recording and its replay through a faulty connection.
async fn again(recording: &Recording, mutation: Fault) -> (Faulty<Player>, engine_fixtures::VerifyReport) {
    let mutated = Faulty::new(Player::new(recording.clone()).unwrap(), mutation);
    let drift = recording.verify(Arc::new(mutated.clone())).await.unwrap();
    (mutated, drift)
}

#[tokio::test(start_paused = true)]
async fn replies_in_pieces_are_as_recorded() {
    for (path, recording) in all() {
        for mutation in [Fault::Pieces(1), Fault::Together, Fault::Random(1)] {
            let (_, drift) = again(&recording, mutation).await;
            assert!(drift.is_none(), "{} with {mutation:?}: {drift}", path.display());
            assert!(drift.compared > 0, "{}", path.display());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cut_reply_is_not_as_recorded() {
    for (path, recording) in all() {
        let (whole, _) = again(&recording, Fault::None).await;
        let replies = whole.replies();
        // Only a few positions, because each replay starts from the beginning.
        for request in [1, 2, 3].map(|quarter| (replies.len() * quarter).div_ceil(4)) {
            let reply = &replies[request - 1];
            if reply.framing == Framing::Close {
                continue; // it ends with its connection
            }
            let cut = Fault::CutReply {
                request,
                at: reply.bytes - 1,
            };
            let (_, drift) = again(&recording, cut).await;
            assert!(!drift.is_none(), "{} with {cut:?}: {reply:?}", path.display());
        }
    }
}
