//! The command on recordings of real Docker daemons, without a daemon.
//!
//! The recordings are in `tests/recordings/<engine>/`. To record them, start daemons and run
//! `ENGINE=record ENGINES=name=address,… cargo test -p isolation-cli --test it replay`. With
//! `ENGINE=compare`, they are recorded again into temporary files, which may differ only in the
//! PIDs that commands have in their container.

use std::path::{Path, PathBuf};

use engine_fixtures::Recording;
use serde_json::Value;

use crate::support::{Ended, Workspace};

/// Whether the environment variable `ENGINE` has this value.
fn mode(wanted: &str) -> bool {
    std::env::var("ENGINE").is_ok_and(|mode| mode == wanted)
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// The recording without PIDs: the first line of a command in a container is its PID there. The
/// output of a command shell contains PIDs and times, and the order of its two streams is random.
fn without_pids(recording: &Recording) -> Recording {
    let mut value = serde_json::to_value(recording).unwrap();
    for exchange in value["exchanges"].as_array_mut().unwrap() {
        if let Some(events) = exchange.pointer_mut("/response/hijack") {
            let events = events.as_array_mut().unwrap();
            let first = events.first().and_then(|event| event["send"].as_str());
            let of_shell = first.is_some_and(|text| text.contains("isolate_held"));
            events.retain(|event| !of_shell || !event["send"].is_null());
        }
        let first = exchange.pointer_mut("/response/hijack/0/recv/0/stdout");
        let Some(Value::String(output)) = first else {
            continue;
        };
        let (pid, rest) = output.split_once('\n').unwrap();
        pid.parse::<u32>().unwrap();
        *output = format!("pid\n{rest}");
    }
    serde_json::from_value(value).unwrap()
}

/// Loads a recording; panics if that fails.
fn load(file: &Path) -> Recording {
    Recording::load(file).unwrap()
}

/// Panics if two recordings of an engine differ in more than PIDs.
fn check_same(before: &Recording, now: &Recording, engine: &str) {
    let [before, now] = [before, now].map(without_pids);
    let differences: Vec<_> = before.differences(&now).iter().map(ToString::to_string).collect();
    assert!(differences.is_empty(), "{engine}:\n{}", differences.join("\n"));
}

/// Runs the command on each of its recordings, or records or compares them; passes each result to
/// `check`.
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
        if file.exists() {
            // A run with another exit code than 0 does not replace a recording.
            std::fs::remove_file(&file).unwrap();
        }
        let options = ["--host", address, "--record", file.to_str().unwrap()];
        check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
        before
            .iter()
            .for_each(|before| check_same(before, &load(&file), engine));
    }
    // While recording, the recordings of the other engines may be of another version of the test.
    if mode("record") {
        return;
    }
    let directories = std::fs::read_dir(recordings()).unwrap();
    let directories: Vec<PathBuf> = directories.map(|entry| entry.unwrap().path()).collect();
    assert!(!directories.is_empty());
    for directory in directories {
        let file = directory.join(name).with_extension("json");
        let options = ["--replay", file.to_str().unwrap()];
        let engine = directory.file_name().unwrap().to_str().unwrap();
        check(engine, &workspace.isolate(&[&options[..], arguments].concat()));
    }
}

#[test]
fn run_in_a_container_keeps_streams_apart() {
    // Without the pause, the two streams race, and recordings differ.
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
fn end_of_input_reaches_a_container() {
    // The standard input of this test is empty, so the command reads only its end.
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
fn command_shells_are_replayed() {
    // The condition and the command are two commands of one shell; the timeout needs another one.
    let script = "echo \"$GREETING from $PWD\"; cat; sleep 0.2; echo err >&2; exit 3";
    let arguments = [
        "run",
        "--image",
        "busybox",
        "--wait-for",
        "exec:test -d /tmp",
        "-e",
        "GREETING=hello",
        "-w",
        "/tmp",
        "--timeout",
        "60s",
        "--",
        "sh",
        "-c",
        script,
    ];
    on_each("shells", &arguments, |engine, ended| {
        assert_eq!(
            (ended.stdout().as_str(), ended.stderr().as_str(), ended.code()),
            ("hello from /tmp\n", "err\n", Some(3)),
            "{engine}"
        );
    });
    if mode("record") {
        return;
    }
    for directory in std::fs::read_dir(recordings()).unwrap() {
        let text = std::fs::read_to_string(directory.unwrap().path().join("shells.json")).unwrap();
        assert!(
            text.contains("isolate_held"),
            "the commands were written to a shell"
        );
        assert_eq!(
            text.matches("/exec\"").count(),
            2,
            "one shell runs them, and one can kill them"
        );
    }
}

#[test]
fn doctor_reports_the_daemon_and_its_limits() {
    on_each("doctor", &["doctor", "--json"], |engine, ended| {
        assert_eq!(ended.code(), Some(0), "{engine}: {}", ended.stderr());
        let report = &ended.lines()[0];
        let product = if engine.starts_with("podman") {
            "Podman"
        } else {
            "Docker"
        };
        assert_eq!(report["daemon"]["product"], product, "{engine}");
        assert_eq!(report["limits"]["memory"], true, "{engine}");
        assert_eq!(report["refused"], Value::Array(Vec::new()), "{engine}");
        assert!(
            report["daemon"]["storage_driver"]
                .as_str()
                .unwrap()
                .starts_with("overlay"),
            "{engine}"
        );
    });
}

#[test]
fn error_status_has_exit_code_1() {
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
            let error = "error: the Docker daemon replied with status 404\n";
            assert_eq!(ended.stderr(), error, "{engine}");
        },
    );
}

#[test]
fn request_that_is_not_recorded_is_an_error() {
    // While recording, the files are incomplete.
    if mode("record") {
        return;
    }
    let workspace = Workspace::new();
    let file = recordings().join("docker-28/run.json");
    let arguments = ["run", "--image", "another", "--", "true"];
    let replay = ["--replay", file.to_str().unwrap()];
    let ended = workspace.isolate(&[&replay[..], &arguments].concat());
    assert_eq!(ended.code(), Some(123));
    let text = ended.stderr();
    assert!(text.starts_with("error: cannot create the environment"), "{text}");
    assert!(text.contains("no recorded exchange matches"), "{text}");
    assert!(text.contains("\nhint: use the same arguments"), "{text}");
    let ended = workspace.isolate(&[&["--json"], &replay[..], &arguments].concat());
    let error: Value = serde_json::from_str(&ended.stderr()).unwrap();
    assert_eq!(error["error"]["exit"], 123);
}

#[test]
fn exchange_that_is_not_requested_is_an_error() {
    if mode("record") {
        return;
    }
    let workspace = Workspace::new();
    let file = recordings().join("docker-28/doctor.json");
    let ended = workspace.isolate(&["--replay", file.to_str().unwrap(), "api", "GET", "/_ping"]);
    assert_eq!((ended.code(), ended.stdout().as_str()), (Some(122), "OK"));
    assert!(
        ended.stderr().contains("no request for exchange 2"),
        "{}",
        ended.stderr()
    );
}

#[test]
#[should_panic(expected = "docker-28:\n~ exchange 1: ")]
fn comparison_fails_on_a_changed_recording() {
    let file = |name: &str| load(&recordings().join("docker-28").join(name));
    check_same(&file("missing.json"), &file("doctor.json"), "docker-28");
}

#[cfg(unix)]
#[test]
#[should_panic(expected = "none.json: No such file or directory (os error 2); check the path")]
fn comparison_fails_on_a_missing_recording() {
    load(&recordings().join("docker-28/none.json"));
}

#[test]
fn missing_recording_is_an_error() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--replay", "/no/such/recording.json", "doctor"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("/no/such/recording.json"),
        "{}",
        ended.stderr()
    );
}
