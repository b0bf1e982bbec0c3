//! The command on recordings of real engines, with no engine.
//!
//! The recordings are in `tests/recordings/<engine>/`. They are made, on a machine with engines, by
//! `ENGINE=record ENGINES=name=address,… cargo test -p isolation-cli --test it replay`; with `ENGINE=compare` they are
//! made again, beside, and must be the same but for the process numbers that commands were given in their container.

use std::path::{Path, PathBuf};

use engine_fixtures::Recording;
use serde_json::Value;

use crate::support::{Ended, Workspace};

/// Whether this is what is being done with recordings, by the environment.
fn mode(wanted: &str) -> bool {
    std::env::var("ENGINE").is_ok_and(|mode| mode == wanted)
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// The recording with no process numbers: the first line of a command in a container is its own number there, which the
/// kernel chose.
fn without_numbers(recording: &Recording) -> Recording {
    let mut value = serde_json::to_value(recording).unwrap();
    for exchange in value["exchanges"].as_array_mut().unwrap() {
        let first = exchange.pointer_mut("/response/hijack/0/recv/0/stdout");
        let Some(Value::String(output)) = first else {
            continue;
        };
        let (number, rest) = output.split_once('\n').unwrap();
        number.parse::<u32>().unwrap();
        *output = format!("number\n{rest}");
    }
    serde_json::from_value(value).unwrap()
}

/// A recording, or the end of the test.
fn load(file: &Path) -> Recording {
    Recording::load(file).unwrap()
}

/// Ends the test if an engine's recording is not what it was, but for process numbers.
fn check_same(before: &Recording, now: &Recording, engine: &str) {
    let [before, now] = [before, now].map(without_numbers);
    let differences: Vec<_> = before.differences(&now).iter().map(ToString::to_string).collect();
    assert!(differences.is_empty(), "{engine}:\n{}", differences.join("\n"));
}

/// Runs the command on each recording of it, or makes or compares them, and hands over the end of each run.
fn on_each(name: &str, arguments: &[&str], check: impl Fn(&str, &Ended)) {
    let workspace = Workspace::new();
    let engines = std::env::var("ENGINES").unwrap_or_default();
    for (engine, address) in engines.split(',').filter_map(|pair| pair.split_once('=')) {
        let recorded = recordings().join(engine).join(name).with_extension("json");
        let beside = tempfile::tempdir().unwrap();
        let file = match mode("compare") {
            true => beside.path().join("again.json"),
            false if mode("record") => recorded.clone(),
            false => continue,
        };
        let before = mode("compare").then(|| load(&recorded));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let options = ["--host", address, "--record", file.to_str().unwrap()];
        check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
        before
            .iter()
            .for_each(|before| check_same(before, &load(&file), engine));
    }
    // While recordings are made, those of the other engines may be of something else.
    if mode("record") {
        return;
    }
    let folders = std::fs::read_dir(recordings()).unwrap();
    let folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    assert!(!folders.is_empty());
    for folder in folders {
        let file = folder.join(name).with_extension("json");
        let options = ["--replay", file.to_str().unwrap()];
        let engine = folder.file_name().unwrap().to_str().unwrap();
        check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
    }
}

#[test]
fn a_run_in_a_container_keeps_streams_apart_and_returns_the_code() {
    // Without a pause, the two race, and recordings were not the same.
    let script = "echo out; sleep 0.2; echo err >&2; exit 3";
    let arguments = ["run", "--image", "busybox", "--", "sh", "-c", script];
    on_each("run", &arguments, |engine, ended| {
        assert_eq!(ended.stderr(), "err\n", "{engine}");
        assert_eq!(
            (ended.stdout().as_str(), ended.code()),
            ("out\n", Some(3)),
            "{engine}"
        );
    });
}

#[test]
fn input_reaches_a_container_and_so_does_its_end() {
    // Nothing is on the standard input of this test, so that what is asked for is its end.
    let arguments = [
        "run",
        "-i",
        "--image",
        "busybox",
        "--name",
        "web",
        "--",
        "sh",
        "-c",
        "cat; echo end",
    ];
    on_each("input", &arguments, |engine, ended| {
        assert_eq!(ended.stderr(), "", "{engine}");
        assert_eq!(
            (ended.stdout().as_str(), ended.code()),
            ("end\n", Some(0)),
            "{engine}"
        );
    });
}

#[test]
fn doctor_tells_what_the_engine_is_and_can_enforce() {
    on_each("doctor", &["doctor", "--json"], |engine, ended| {
        assert_eq!(ended.code(), Some(0), "{engine}: {}", ended.stderr());
        let report = &ended.lines()[0];
        let flavour = if engine.starts_with("podman") {
            "Podman"
        } else {
            "Docker"
        };
        assert_eq!(report["engine"]["flavour"], flavour, "{engine}");
        assert_eq!(report["limits"]["memory"], true, "{engine}");
        assert!(
            report["engine"]["storage_driver"]
                .as_str()
                .unwrap()
                .starts_with("overlay"),
            "{engine}"
        );
    });
}

#[test]
fn an_error_status_is_the_answer_no() {
    on_each(
        "missing",
        &["api", "GET", "/containers/no-such-container/json"],
        |engine, ended| {
            assert_eq!(ended.code(), Some(1), "{engine}");
            assert!(
                ended.stdout().contains("no-such-container"),
                "{engine}: {}",
                ended.stdout()
            );
            assert_eq!(ended.stderr(), "error: the engine answered 404\n", "{engine}");
        },
    );
}

#[test]
fn another_request_than_the_recorded_one_is_told() {
    // While recordings are made, what is there is not whole.
    if mode("record") {
        return;
    }
    let workspace = Workspace::new();
    let file = recordings().join("docker-28/run.json");
    let arguments = ["run", "--image", "another", "--", "true"];
    let ended = workspace.isolate(&[&["--replay", file.to_str().unwrap()][..], &arguments].concat());
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("no recorded exchange matches"),
        "{}",
        ended.stderr()
    );
}

#[test]
#[should_panic(expected = "docker-28:\n~ exchange 1: ")]
fn a_recording_that_is_another_one_now_ends_the_comparison() {
    let file = |name: &str| load(&recordings().join("docker-28").join(name));
    check_same(&file("missing.json"), &file("doctor.json"), "docker-28");
}

#[cfg(unix)]
#[test]
#[should_panic(expected = "none.json: No such file or directory (os error 2); check the path")]
fn a_recording_that_is_not_there_ends_the_comparison() {
    load(&recordings().join("docker-28/none.json"));
}

#[test]
fn what_is_no_recording_is_refused() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--replay", "/no/such/recording.json", "doctor"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("/no/such/recording.json"),
        "{}",
        ended.stderr()
    );
}
