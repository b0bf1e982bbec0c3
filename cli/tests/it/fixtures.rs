//! `isolate fixtures`: recorded from a program, replayed to it, looked at, compared with an engine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bench::{Bench, Ended};
use crate::engine::{Engine, newer, plain, slow};

const ISOLATE: &str = env!("CARGO_BIN_EXE_isolate");
const CALL: &[&str] = &["--", ISOLATE, "api", "GET", "/containers/web/json"];
const OTHER: &[&str] = &["--", ISOLATE, "api", "GET", "/containers/other/json"];

/// A folder with a recording of one call.
struct Recorded {
    bench: Bench,
    folder: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Self {
        let recorded = Self {
            bench: Bench::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let engine = Engine::start(plain);
        let ended = recorded.record(&engine, "call.json", &["--name", "a/call"], CALL);
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
        assert!(ended.stdout().contains(r#""Name":"/web""#), "{}", ended.stdout());
        recorded
    }

    fn record(&self, engine: &Engine, file: &str, options: &[&str], command: &[&str]) -> Ended {
        let file = self.file(file);
        let begin = [
            "--host",
            &engine.address(),
            "fixtures",
            "record",
            "--to",
            file.to_str().unwrap(),
        ]
        .map(str::to_owned);
        let begin: Vec<&str> = begin.iter().map(String::as_str).collect();
        self.bench.isolate(&[&begin, options, command].concat())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fixtures(&self, command: &str, options: &[&str], rest: &[&str]) -> Ended {
        let file = self.file("call.json");
        self.bench.isolate(
            &[
                &["fixtures", command][..],
                options,
                &[file.to_str().unwrap()],
                rest,
            ]
            .concat(),
        )
    }
}

#[test]
fn a_program_is_recorded_and_replayed_with_no_engine() {
    let recorded = Recorded::new();
    let ended = recorded.fixtures("replay", &[], CALL);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert!(ended.stdout().contains(r#""Name":"/web""#), "{}", ended.stdout());
    assert!(
        ended.stderr().contains("3 exchanges replayed"),
        "{}",
        ended.stderr()
    );
    assert!(recorded.bench.left().is_empty(), "{:?}", recorded.bench.left());
}

#[test]
fn recording_again_makes_the_same_file() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    recorded.record(&engine, "again.json", &["--name", "a/call"], CALL);
    let read = |name: &str| std::fs::read_to_string(recorded.file(name)).unwrap();
    assert_eq!(read("call.json"), read("again.json"));
}

#[test]
fn recordings_are_compared_value_by_value() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    recorded.record(&engine, "again.json", &["--name", "a/call"], CALL);
    recorded.record(&engine, "other.json", &["--name", "a/call"], OTHER);
    let again = recorded.file("again.json");
    let ended = recorded.fixtures("diff", &[], &[again.to_str().unwrap()]);
    assert_eq!((ended.code(), ended.stdout().as_str()), (Some(0), ""));
    let other = recorded.file("other.json");
    let ended = recorded.fixtures("diff", &[], &[other.to_str().unwrap()]);
    let line = "~ exchange 3: exchange 3 (GET /v1.51/containers/web/json) -> exchange 3 (GET /v1.51/containers/other/json)\n";
    assert_eq!((ended.code(), ended.stdout().as_str()), (Some(1), line));
    let ended = recorded.fixtures("diff", &["--json"], &[other.to_str().unwrap()]);
    assert_eq!(ended.lines()[0][0]["place"], "exchange 3");
    let ended = recorded.fixtures("diff", &[], &["/no/such.json"]);
    assert_eq!(ended.code(), Some(125));
    assert!(ended.stderr().contains("/no/such.json"), "{}", ended.stderr());
}

#[test]
fn a_target_that_is_no_file_is_refused_before_the_command_runs() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    let ran = recorded.file("ran");
    std::fs::create_dir(recorded.file("folder.json")).unwrap();
    let command = ["--", "touch", ran.to_str().unwrap()];
    let ended = recorded.record(&engine, "folder.json", &[], &command);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("name another one with --to"),
        "{}",
        ended.stderr()
    );
    assert!(!ran.exists());
}

#[test]
fn what_was_not_recorded_and_what_is_left_have_codes_of_their_own() {
    let recorded = Recorded::new();
    let ended = recorded.fixtures("replay", &[], OTHER);
    assert_eq!(ended.code(), Some(123), "{}", ended.stderr());
    assert!(
        ended.stderr().contains("nearest is exchange 3"),
        "{}",
        ended.stderr()
    );
    let ended = recorded.fixtures("replay", &[], &["--", "true"]);
    assert_eq!(ended.code(), Some(122), "{}", ended.stderr());
    assert!(
        ended.stderr().contains("nobody asked for exchange 1"),
        "{}",
        ended.stderr()
    );
    let ended = recorded.fixtures("replay", &["--allow-unused"], &["--", "true"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
}

#[test]
fn the_exit_code_is_the_command_s() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    for (command, code) in [("exit 7", 7), ("kill -9 $$", 137)] {
        let ended = recorded.record(&engine, "x.json", &[], &["--", "sh", "-c", command]);
        assert_eq!(ended.code(), Some(code), "{}", ended.stderr());
        assert!(
            ended.stderr().contains("does it heed DOCKER_HOST?"),
            "{}",
            ended.stderr()
        );
        assert!(recorded.file("x.json").exists());
    }
    let ended = recorded.fixtures("replay", &["--allow-unused"], &["--", "sh", "-c", "exit 3"]);
    assert_eq!(ended.code(), Some(3));
    for (program, code) in [("/no/such/program", 127), ("/", 126)] {
        let ended = recorded.record(&engine, "y.json", &[], &["--", program]);
        assert_eq!(ended.code(), Some(code), "{}", ended.stderr());
        assert!(!recorded.file("y.json").exists());
    }
}

#[test]
fn the_program_s_streams_are_its_own() {
    let recorded = Recorded::new();
    let file = recorded.file("call.json");
    let line = [
        "--quiet",
        "fixtures",
        "replay",
        "--allow-unused",
        file.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        "cat; echo err >&2",
    ];
    let ended = recorded.bench.isolate_with(&line, b"typed in");
    assert_eq!(
        (ended.stdout().as_str(), ended.stderr().as_str()),
        ("typed in", "err\n")
    );
}

#[test]
fn without_a_command_it_listens_until_it_is_told_to_end() {
    let recorded = Recorded::new();
    let file = recorded.file("call.json");
    for listen in ["unix", "tcp"] {
        let socket = format!("unix://{}", recorded.file("replay.sock").display());
        let address = if listen == "unix" {
            socket.as_str()
        } else {
            "tcp://127.0.0.1:0"
        };
        let line = ["fixtures", "replay", "--listen", address, file.to_str().unwrap()];
        let mut started = recorded.bench.start(&mut recorded.bench.command(&line));
        let address = started.first.strip_prefix("DOCKER_HOST=").unwrap().to_owned();
        let mut call = recorded.bench.command(&CALL[2..]);
        let ended = Ended(call.env("DOCKER_HOST", address).output().unwrap());
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
        started.signal("INT");
        assert_eq!(started.code(), Some(0));
        assert!(!recorded.file("replay.sock").exists());
    }
}

#[test]
fn a_recording_is_shown_checked_and_counted() {
    let recorded = Recorded::new();
    let shown = recorded.fixtures("show", &[], &[]).stdout();
    assert!(
        shown.starts_with("a/call: docker 9.9 (API 1.51, linux/amd64)\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\n#3 (after 2)\n> GET /v1.51/containers/web/json\n< 200\n"),
        "{shown}"
    );
    let lines = recorded.fixtures("show", &["--json"], &[]).lines();
    assert_eq!(
        (lines.len(), &lines[0]["scenario"], &lines[2]["seq"]),
        (4, &"a/call".into(), &2.into())
    );
    let checked = recorded.fixtures("check", &[], &[]);
    assert!(
        checked.stdout().trim_end().ends_with(" ok"),
        "{}",
        checked.stdout()
    );
    let rows = &recorded.fixtures("check", &["--json"], &[]).lines()[0];
    assert_eq!(
        (&rows[0]["fault"], &rows[0]["age_days"]),
        (&serde_json::Value::Null, &0.into())
    );
    let rows = &recorded.fixtures("stats", &["--json"], &[]).lines()[0];
    assert_eq!(
        (&rows[0]["exchanges"], &rows[0]["hijacked"]),
        (&3.into(), &0.into())
    );
    assert!(
        recorded
            .fixtures("stats", &[], &[])
            .stdout()
            .contains("docker 9.9  3")
    );
}

#[test]
fn what_cannot_be_used_is_told_by_check() {
    let recorded = Recorded::new();
    let file = recorded.file("call.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("/web", "/net")).unwrap();
    let checked = recorded.fixtures("check", &[], &[]);
    assert_eq!(checked.code(), Some(1));
    assert!(
        checked.stdout().contains("was edited after it was recorded"),
        "{}",
        checked.stdout()
    );
    assert_eq!(recorded.fixtures("show", &[], &[]).code(), Some(125));
    std::fs::write(&file, text).unwrap();
    let mut canary =
        recorded
            .bench
            .command(&["fixtures", "check", "--canary", "PLANTED", file.to_str().unwrap()]);
    let output = Ended(canary.env("PLANTED", "Running").output().unwrap());
    assert_eq!(output.code(), Some(1));
    assert!(
        output.stdout().contains("a canary is left"),
        "{}",
        output.stdout()
    );
}

#[test]
fn a_canary_stops_the_recording() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    let ended = recorded.record(&engine, "z.json", &["--canary", "NO_SUCH_VARIABLE"], CALL);
    assert!(ended.stderr().contains("NO_SUCH_VARIABLE"), "{}", ended.stderr());
    let file = recorded.file("z.json");
    let address = engine.address();
    let line = [
        "--host",
        &address,
        "fixtures",
        "record",
        "--canary",
        "PLANTED",
        "--to",
        file.to_str().unwrap(),
    ];
    let mut command = recorded.bench.command(&[&line[..], CALL].concat());
    let ended = Ended(command.env("PLANTED", "Running").output().unwrap());
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("no recording was written"),
        "{}",
        ended.stderr()
    );
    assert!(!file.exists());
}

#[test]
fn an_engine_that_answers_otherwise_has_drifted() {
    let recorded = Recorded::new();
    let same = Engine::start(plain);
    let ended = recorded.fixtures("verify", &["--host", &same.address()], &[]);
    assert_eq!(
        (ended.code(), ended.stdout().contains("3 compared, 0 differ")),
        (Some(0), true),
        "{}",
        ended.stdout()
    );
    let later = Engine::start(newer);
    let ended = recorded.fixtures("verify", &["--host", &later.address()], &[]);
    assert_eq!(ended.code(), Some(2), "{}", ended.stderr());
    for change in [
        "+ body $.State.Health: object",
        "- body $.State.Pid: number",
        "~ body $.State.Running: bool -> string",
    ] {
        assert!(ended.stdout().contains(change), "{}", ended.stdout());
    }
    let report = &recorded
        .fixtures("verify", &["--json", "--host", &later.address()], &[])
        .lines()[0];
    assert_eq!(
        report["drift"][0]["changes"].as_array().unwrap().len(),
        3,
        "{report}"
    );
    let ended = recorded.fixtures("verify", &["--host", crate::bench::NOWHERE], &[]);
    assert_eq!(ended.code(), Some(125));
}

#[test]
fn an_engine_that_takes_its_time_takes_it_again_unless_that_is_skipped() {
    let recorded = Recorded::new();
    let engine = Engine::start(slow);
    let waits = |ended: Ended| ended.lines()[0][0]["waits"].as_u64().unwrap();
    for (options, least) in [
        (&[][..], 0),
        (&["--record-delays=1h"], 0),
        (&["--record-delays"], 1),
    ] {
        let ended = recorded.record(&engine, "call.json", options, CALL);
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
        let seconds = waits(recorded.fixtures("stats", &["--json"], &[]));
        // A busy machine may add to what the engine takes, and cannot take from it.
        assert!(
            seconds >= least && (seconds > 0) == (least > 0),
            "{options:?}: {seconds}"
        );
    }
    let shown = recorded.fixtures("show", &[], &[]).stdout();
    assert!(shown.contains("the reply came after "), "{shown}");

    let begin = Instant::now();
    let ended = recorded.fixtures("replay", &[], CALL);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let ended = recorded.fixtures("replay", &["--skip-delays"], CALL);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let ended = recorded.record(&engine, "call.json", &["--record-delays=0s"], CALL);
    assert_eq!(ended.code(), Some(125));
    assert!(ended.stderr().contains("--record-delays"), "{}", ended.stderr());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let recorded = Recorded::new();
    let file = recorded.file("call.json");
    let file = file.to_str().unwrap();
    for (line, words) in [
        (&["fixtures", "record", "--", "true"][..], "--to"),
        (
            &["fixtures", "replay", "/no/such/file", "--", "true"],
            "/no/such/file",
        ),
        (
            &["fixtures", "replay", file, "--listen", "nowhere"],
            "unix:///path/of/socket",
        ),
        (
            &["fixtures", "show", file, "--replay", file],
            "files are arguments",
        ),
        (&["fixtures", "check"], "FILE"),
    ] {
        let ended = recorded.bench.isolate(line);
        assert_eq!(ended.code(), Some(125), "{line:?}");
        assert!(ended.stderr().contains(words), "{line:?}: {}", ended.stderr());
    }
    assert!(Path::new(file).exists());
}

#[test]
fn an_engine_that_had_ended_left_no_recording() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    let remove = format!("rm {}", engine.path().display());
    let ended = recorded.record(&engine, "gone.json", &[], &["--", "sh", "-c", &remove]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert!(recorded.file("gone.json").exists());
}

#[test]
fn what_found_no_engine_was_recorded_as_if_it_had_not_asked() {
    let recorded = Recorded::new();
    let engine = Engine::start(plain);
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let ask = format!("rm {}; '{isolate}' api GET /_ping; true", engine.path().display());
    let ended = recorded.record(&engine, "gone.json", &[], &["--", "sh", "-c", &ask]);
    assert_eq!(ended.code(), Some(125));
    let said = ended.stderr();
    assert!(
        said.contains("no recording was written") && said.contains("could not be made"),
        "{said}"
    );
    assert!(!recorded.file("gone.json").exists());
}
