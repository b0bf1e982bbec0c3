//! Ctrl-C in commands that wait: the exit code, what is said, and what is left.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fake_engine::Fault;

use crate::engine::Memory;
use crate::support::{NOWHERE, Workspace};

/// Much longer than any step takes on a loaded machine.
const LONG: Duration = Duration::from_secs(60);

/// Sends SIGINT, and returns the exit code and the rest of standard error.
fn interrupt(mut child: Child) -> (Option<i32>, String) {
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

/// Waits until the daemon has got a request.
fn until_asked(memory: &Memory, method: &str, end: &str) {
    let began = Instant::now();
    let is_it = |request: &String| request.starts_with(method) && request.contains(end);
    while !memory.engine.requests().iter().any(is_it) {
        assert!(began.elapsed() < LONG, "{:?}", memory.engine.requests());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn command_that_waits_says_what_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let group = directory.path().join("group.json");
    std::fs::write(
        &group,
        r#"{"name": "shop", "services": {"web": {"image": "busybox"}}}"#,
    )
    .unwrap();
    let group = group.to_str().unwrap();
    for (arguments, path, said) in [
        (
            &["create", "--image", "busybox"][..],
            "/containers/create",
            "removing the environment",
        ),
        (&["up", group], "/containers/create", "removing everything"),
        (&["image", "pull", "busybox"], "/images/create", "is cancelled"),
        (
            &["network", "create", "n"],
            "/networks/create",
            "removing the network",
        ),
        (
            &["volume", "create", "v"],
            "/volumes/create",
            "removing the volume",
        ),
    ] {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        memory.engine.fail_next("POST", path, Fault::StallAfter);
        let address = memory.address();
        let command = [&["--host", &address], arguments].concat();
        let child = workspace.command(&command).spawn().unwrap();
        until_asked(&memory, "POST", path);
        let (code, text) = interrupt(child);
        assert_eq!(code, Some(130), "{arguments:?}: {text}");
        let wanted = format!("interrupted: {said}");
        let wanted = wanted.replace("is cancelled", "the operation on images is cancelled");
        assert!(text.contains(&wanted), "{arguments:?}: {text}");
        assert!(
            workspace.left().is_empty(),
            "{arguments:?}: {:?}",
            workspace.left()
        );
    }
}

#[test]
fn cleanup_that_takes_long_is_left_to_others() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    memory
        .engine
        .fail_next("POST", "/containers/create", Fault::StallAfter);
    for _ in 0..20 {
        memory.engine.fail_next("DELETE", "", Fault::StallBefore);
    }
    let address = memory.address();
    let command = ["--host", &address, "create", "--image", "busybox"];
    let mut command = workspace.command(&command);
    let child = command.env("ISOLATE_REAPER", "off").spawn().unwrap();
    until_asked(&memory, "POST", "/containers/create");
    let (code, text) = interrupt(child);
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("`isolate gc` removes what is left"), "{text}");
    assert_eq!(workspace.journal().len(), 1);
}

#[test]
fn run_on_a_hanging_daemon_names_what_is_left() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let address = memory.address();
    let run = [
        "--host",
        &address,
        "run",
        "--image",
        "busybox",
        "--",
        "sh",
        "-c",
        "echo up; sleep 1000",
    ];
    let mut command = workspace.command(&run);
    let mut started = workspace.start(command.env("ISOLATE_REAPER", "off"));
    assert_eq!(started.first, "up");
    for path in ["/kill", "/json", "/_ping"] {
        for method in ["POST", "GET", "HEAD", "DELETE"] {
            for _ in 0..50 {
                memory.engine.fail_next(method, path, Fault::StallBefore);
            }
        }
    }
    for _ in 0..50 {
        memory.engine.fail_next("DELETE", "", Fault::StallBefore);
    }
    let began = Instant::now();
    started.signal("INT");
    let mut text = String::new();
    started
        .child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(started.code(), Some(125), "{text}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    assert!(text.contains("the environment could not be destroyed"), "{text}");
    assert!(
        text.contains("remove what is left with `isolate rm --force "),
        "{text}"
    );
    assert_eq!(workspace.journal().len(), 1);
}

/// The command after the line of its standard error with this text.
fn after_line(command: &mut Command, text: &str) -> Child {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::with_capacity(1, child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no line contains {text}");
    }
    child.stderr = Some(lines.into_inner());
    child
}

#[test]
fn command_that_follows_ends_with_130() {
    let workspace = Workspace::basic();
    let created = workspace.isolate(&["create", "--name", "one"]);
    assert_eq!(created.code(), Some(0), "{}", created.stderr());
    assert_eq!(workspace.isolate(&["start", "one"]).code(), Some(0));
    let mut events = workspace.command(&["-v", "events", "--engine", "basic"]);
    let (code, text) = interrupt(after_line(&mut events, "watching"));
    assert_eq!((code, text.as_str()), (Some(130), ""));
    let stats = ["stats", "--follow", "--interval", "50ms", "--json", "one"];
    let started = workspace.start(&mut workspace.command(&stats));
    if started.first.is_empty() {
        eprintln!("skipped: nothing is measured here");
    } else {
        let mut started = started;
        started.signal("INT");
        assert_eq!(started.code(), Some(130));
    }
    assert_eq!(workspace.isolate(&["rm", "--force", "one"]).code(), Some(0));
}

#[test]
fn variable_that_names_no_reaper_is_an_error() {
    let workspace = Workspace::basic();
    for value in ["no-such-program", "/no/such/program", "/tmp", "OFF"] {
        let mut command = workspace.command(&["create", "--host", NOWHERE]);
        let refused = command.env("ISOLATE_REAPER", value).output().unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(125), "{value}: {text}");
        assert!(text.contains("ISOLATE_REAPER") && text.contains(value), "{text}");
    }
    assert!(workspace.journal().is_empty());
}
