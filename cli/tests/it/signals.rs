//! What ends a run early: its time, or a signal. Either way nothing is left.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::engine::{Engine, plain};
use crate::support::{Started, Workspace};

/// Tells the number of its process, and then does nothing for long, with a child that does the same.
const LONG: &str = "echo $$; sleep 1000 & sleep 1000; wait";

fn long(workspace: &Workspace) -> Started {
    workspace.start(&mut workspace.command(&["run", "-q", "--engine", "basic", "--", "sh", "-c", LONG]))
}

/// Whether a process is there, and not just waiting for somebody to learn how it ended.
fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat"));
    match stat {
        Ok(stat) => !stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with(['Z', 'X']),
        // Where there is no /proc, `kill` knows.
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill")
            .args(["-0", process])
            .status()
            .unwrap()
            .success(),
    }
}

/// Nothing is left. A process that was killed goes when the system gets round to it.
fn nothing_left(workspace: &Workspace, process: &str) {
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
    let limit = Instant::now() + Duration::from_secs(60);
    while runs(process) {
        assert!(Instant::now() < limit, "the process {process} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_ends_the_run_with_its_code_and_leaves_nothing() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let workspace = Workspace::new();
        let mut started = long(&workspace);
        assert!(runs(&started.first), "{}", started.first);
        started.signal(name);
        assert_eq!(started.code(), Some(code), "{name}");
        nothing_left(&workspace, &started.first);
    }
}

#[test]
fn a_second_signal_leaves_nothing_either() {
    let workspace = Workspace::new();
    let mut started = long(&workspace);
    started.signal("TERM");
    started.signal("INT");
    // Whichever of the two was seen first.
    assert!(matches!(started.code(), Some(143 | 130)));
    nothing_left(&workspace, &started.first);
}

/// What starts recording a command, in a group of its own: no terminal sends the command what this gets.
fn recording(workspace: &Workspace, engine: &Engine, file: &Path, script: &str) -> Started {
    use std::os::unix::process::CommandExt;
    let (address, file) = (engine.address(), file.to_str().unwrap());
    let line = [
        "--host", &address, "fixtures", "record", "--to", file, "--", "sh", "-c", script,
    ];
    workspace.start(workspace.command(&line).process_group(0))
}

#[test]
fn a_recorder_passes_any_signal_on_and_writes_what_it_has() {
    let engine = Engine::start(plain);
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let (workspace, target) = (Workspace::new(), tempfile::tempdir().unwrap());
        let file = target.path().join("x.json");
        let mut started = recording(&workspace, &engine, &file, "echo $$; exec sleep 1000");
        started.signal(name);
        assert_eq!(started.code(), Some(code), "{name}");
        assert!(file.exists());
        nothing_left(&workspace, &started.first);
    }
}

#[test]
fn a_recorder_does_not_wait_for_a_command_that_heeds_no_signal() {
    let (workspace, target) = (Workspace::new(), tempfile::tempdir().unwrap());
    let (engine, file) = (Engine::start(plain), target.path().join("x.json"));
    let script = "trap '' INT TERM; echo $$; while :; do sleep 0.1; done";
    let mut started = recording(&workspace, &engine, &file, script);
    started.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(runs(&started.first));
    started.signal("TERM");
    assert_eq!(started.code(), Some(137));
    assert!(file.exists());
    nothing_left(&workspace, &started.first);
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let workspace = Workspace::new();
    let direct = workspace.command(&["run", "-q", "--engine", "basic", "--", "sh", "-c", LONG]);
    let mut shell = workspace.command(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(direct.get_program())
        .args(direct.get_args())
        .envs(
            shell
                .env("x", "")
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped());
    let mut started = workspace.start(&mut command);
    started.signal("HUP");
    started.signal("TERM");
    assert_eq!(started.code(), Some(143));
    nothing_left(&workspace, &started.first);
}

#[test]
fn a_command_whose_time_is_up_is_killed_and_leaves_nothing() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["run", "--timeout", "300ms", "--", "sh", "-c", "sleep 1000"]);
    assert_eq!(ended.code(), Some(124));
    assert!(ended.stderr().contains("its time was up"), "{}", ended.stderr());
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}
