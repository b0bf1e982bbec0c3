//! `isolate fixtures` where no engine answers: nothing is begun that would need one.

use crate::bench::{Bench, NOWHERE};
use crate::engine::Engine;

/// A folder, and a command that leaves a trace there if it runs.
fn trace() -> (tempfile::TempDir, [String; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran").display().to_string();
    (folder, ["--".into(), "touch".into(), ran])
}

/// What `record` says of an engine at this address, which is no engine; the command must not run.
fn refused(options: &[&str]) -> String {
    let bench = Bench::new();
    let (folder, command) = trace();
    let to = folder.path().join("x.json").display().to_string();
    let command = command.each_ref().map(String::as_str);
    let line = [options, &["fixtures", "record", "--to", &to], &command].concat();
    let ended = bench.isolate(&line);
    assert_eq!(ended.code(), Some(125), "{}", ended.stderr());
    assert_eq!(ended.stdout(), "");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "the command ran, or a file was written");
    assert!(bench.left().is_empty(), "{:?}", bench.left());
    ended.stderr()
}

#[test]
fn record_ran_the_command_before_it_found_no_engine() {
    // Named by an option, and by the environment.
    for options in [&["--host", NOWHERE][..], &[]] {
        let said = refused(options);
        for words in [
            "no engine answers",
            NOWHERE,
            "no such file or directory",
            "\nhint: start the engine, or name another one with --host or DOCKER_HOST",
        ] {
            assert!(said.contains(words), "{options:?}: {words}: {said}");
        }
    }
}

#[test]
fn what_answers_and_is_no_engine_is_told_apart() {
    let other = Engine::start(|_| (404, "nobody here"));
    let said = refused(&["--host", &other.address()]);
    assert!(
        said.contains(&other.address()) && said.contains("nobody here"),
        "{said}"
    );
    assert!(!said.contains("start the engine"), "{said}");
    let said = refused(&["--host", "carrier://pigeon"]);
    assert!(said.contains("pigeon") && said.contains("unix:///"), "{said}");
}

#[test]
fn without_a_command_it_does_not_listen_either() {
    let bench = Bench::new();
    let (folder, _) = trace();
    let [to, socket] = ["x.json", "x.sock"].map(|name| folder.path().join(name).display().to_string());
    let listen = format!("unix://{socket}");
    let ended = bench.isolate(&["fixtures", "record", "--to", &to, "--listen", &listen]);
    assert_eq!((ended.code(), ended.stdout().as_str()), (Some(125), ""));
    assert!(ended.stderr().contains(NOWHERE), "{}", ended.stderr());
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn verify_tells_it_once_and_what_it_cannot_read_before() {
    let bench = Bench::new();
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/docker-28/missing.json"
    );
    let said = bench.isolate(&["--host", NOWHERE, "fixtures", "verify", recording]);
    assert_eq!(said.code(), Some(125));
    let text = said.stderr();
    assert!(
        text.contains("no engine answers") && text.contains("hint: start the engine"),
        "{text}"
    );
    let line = [
        "--host",
        NOWHERE,
        "fixtures",
        "verify",
        recording,
        "/no/such.json",
    ];
    let said = bench.isolate(&line).stderr();
    assert!(
        said.contains("/no/such.json") && !said.contains("engine answers"),
        "{said}"
    );
}
