//! Signals that a command gets, so that it can end properly.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::engine::Memory;
use crate::support::{Started, Workspace};

/// Much longer than any step takes on a loaded machine.
const LONG: Duration = Duration::from_secs(60);

/// Commands on this machine: `sandbox` where it works.
fn engines(workspace: &Workspace) -> Vec<&'static str> {
    let works = workspace.isolate(&["run", "-q", "--engine", "sandbox", "true"]);
    match works.code() {
        Some(0) => vec!["basic", "sandbox"],
        _ => vec!["basic"],
    }
}

/// Starts a command whose first line of output shows that it handles signals.
fn run(workspace: &Workspace, engine: &str, script: &str) -> Started {
    let arguments = ["run", "--engine", engine, "--", "sh", "-c", script];
    let started = workspace.start(&mut workspace.command(&arguments));
    assert_eq!(started.first, "ready", "{engine}");
    started
}

/// The exit code, and the rest of both outputs.
fn ended(mut started: Started) -> (Option<i32>, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    started.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let mut stderr = started.child.stderr.take().unwrap();
    stderr.read_to_string(&mut err).unwrap();
    (started.code(), out, err)
}

#[test]
fn command_that_handles_a_signal_ends_by_itself() {
    let workspace = Workspace::new();
    for engine in engines(&workspace) {
        for name in ["TERM", "INT", "QUIT", "HUP"] {
            let script =
                format!("trap 'echo {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
            let started = run(&workspace, engine, &script);
            started.signal(name);
            let (code, out, err) = ended(started);
            assert_eq!((code, out), (Some(7), format!("{name}\n")), "{engine}: {err}");
            let said = format!("interrupted: the command gets SIG{name} and 3 s to end");
            assert!(err.contains(&said), "{engine}: {err}");
            assert!(workspace.left().is_empty(), "{:?}", workspace.left());
        }
    }
}

#[test]
fn command_that_ignores_a_signal_is_killed() {
    let workspace = Workspace::new();
    for engine in engines(&workspace) {
        let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
        let started = run(&workspace, engine, script);
        started.signal("TERM");
        let (code, _, err) = ended(started);
        assert_eq!(code, Some(143), "{engine}: {err}");
        assert!(err.contains("interrupted; cleaning up"), "{engine}: {err}");
        assert!(workspace.left().is_empty(), "{:?}", workspace.left());
    }
}

#[test]
fn command_gets_a_signal_while_nobody_reads() {
    let workspace = Workspace::basic();
    let mark = workspace.home().join("mark");
    let script = format!(
        "trap 'echo got >{}; exit 7' TERM; echo ready; yes & wait",
        mark.display()
    );
    let mut started = run(&workspace, "basic", &script);
    // The pipe is full soon, and the write of isolate waits.
    std::thread::sleep(Duration::from_millis(300));
    started.signal("TERM");
    assert_eq!(started.code(), Some(143), "its output cannot be written");
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "got\n");
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn user_signal_does_not_end_the_run() {
    let workspace = Workspace::new();
    for engine in engines(&workspace) {
        let script = "trap 'echo one' USR1; trap 'echo two; exit 5' USR2; echo ready
                      while :; do sleep 0.05; done";
        let mut started = run(&workspace, engine, script);
        started.signal("USR1");
        let mut line = String::new();
        std::io::BufRead::read_line(started.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(line, "one\n", "{engine}");
        started.signal("USR2");
        let (code, out, err) = ended(started);
        assert_eq!((code, out.as_str()), (Some(5), "two\n"), "{engine}: {err}");
        assert!(!err.contains("interrupted"), "{engine}: {err}");
    }
}

#[test]
fn command_of_exec_handles_a_signal() {
    let workspace = Workspace::basic();
    for arguments in [&["create", "--name", "one"][..], &["start", "one"]] {
        let done = workspace.isolate(arguments);
        assert_eq!(done.code(), Some(0), "{}", done.stderr());
    }
    let exec = |script: &str| {
        let arguments = ["exec", "one", "sh", "-c", script];
        let started = workspace.start(&mut workspace.command(&arguments));
        assert_eq!(started.first, "ready");
        started
    };
    let handles = exec("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    handles.signal("TERM");
    let (code, out, err) = ended(handles);
    assert_eq!((code, out.as_str()), (Some(7), "bye\n"), "{err}");
    let ignores = exec("trap '' INT; echo ready; while :; do sleep 0.05; done");
    ignores.signal("INT");
    assert_eq!(ended(ignores).0, Some(130));
    // Nothing of it runs on, and the environment stays.
    let began = Instant::now();
    loop {
        let top = workspace.isolate(&["--json", "top", "one"]);
        if !top.stdout().contains("sleep") {
            break;
        }
        assert!(began.elapsed() < LONG, "{}", top.stdout());
    }
    assert_eq!(workspace.isolate(&["exec", "one", "true"]).code(), Some(0));
    assert_eq!(workspace.isolate(&["rm", "--force", "one"]).code(), Some(0));
}

/// SIGHUP and SIGQUIT ended the command, and it was started again before isolate ended.
#[test]
fn command_that_ends_by_a_signal_is_not_restarted() {
    for (name, wanted) in [("HUP", 129), ("QUIT", 131), ("TERM", 143), ("INT", 130)] {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        let address = memory.address();
        let script = ["sh", "-c", "echo ready; sleep 1000"];
        let options = ["run", "--image", "busybox", "--restart", "always", "--"];
        let arguments = [&["--host", address.as_str()], &options[..], &script[..]].concat();
        let started = workspace.start(&mut workspace.command(&arguments));
        assert_eq!(started.first, "ready");
        started.signal(name);
        let (code, out, err) = ended(started);
        assert_eq!((code, out.as_str()), (Some(wanted), ""), "{name}: {err}");
        assert_eq!(memory.engine.resources(), [""; 0], "{name}");
    }
}
