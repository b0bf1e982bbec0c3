//! Runs that end early, by timeout or signal. Nothing is left behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::{Engine, Memory, plain};
use crate::support::{Ended, Started, Workspace};

/// Prints its PID, then sleeps for a long time, as its child does.
const LONG: &str = "echo $$; sleep 1000 & sleep 1000; wait";

fn long(workspace: &Workspace) -> Started {
    workspace.start(&mut workspace.command(&["run", "-q", "--engine", "basic", "--", "sh", "-c", LONG]))
}

/// Whether a process runs, and is not a zombie.
fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat"));
    match stat {
        Ok(stat) => !stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with(['Z', 'X']),
        // Without /proc, `kill` reports it.
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill")
            .args(["-0", process])
            .status()
            .unwrap()
            .success(),
    }
}

/// Fails if files or the process are left. A killed process may take a moment to disappear.
fn assert_nothing_left(workspace: &Workspace, process: &str) {
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs(process) {
        assert!(Instant::now() < deadline, "the process {process} still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn signal_ends_the_run_and_leaves_nothing() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("QUIT", 131), ("HUP", 129)] {
        let workspace = Workspace::new();
        let mut started = long(&workspace);
        assert!(runs(&started.first), "{}", started.first);
        started.signal(name);
        assert_eq!(started.code(), Some(code), "{name}");
        assert_nothing_left(&workspace, &started.first);
    }
}

#[test]
fn second_signal_leaves_nothing() {
    let workspace = Workspace::new();
    let mut started = long(&workspace);
    started.signal("TERM");
    started.signal("INT");
    // The two may arrive in either order.
    assert!(matches!(started.code(), Some(143 | 130)));
    assert_nothing_left(&workspace, &started.first);
}

/// Starts a recording in a process group of its own, which gets no Ctrl-C from a terminal.
fn recording(workspace: &Workspace, engine: &Engine, file: &Path, script: &str) -> Started {
    use std::os::unix::process::CommandExt;
    let (address, file) = (engine.address(), file.to_str().unwrap());
    let isolate = env!("CARGO_BIN_EXE_isolate");
    // Without a request, no recording is written.
    let script = format!("'{isolate}' api GET /_ping >/dev/null; {script}");
    let line = [
        "--host", &address, "fixtures", "record", "--to", file, "--", "sh", "-c", &script,
    ];
    // A recording without a request is not written.
    let path = Path::new(env!("CARGO_BIN_EXE_isolate")).parent().unwrap();
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    workspace.start(workspace.command(&line).env("PATH", path).process_group(0))
}

#[test]
fn record_forwards_a_signal_and_writes_the_file() {
    let engine = Engine::start(plain);
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let (workspace, target) = (Workspace::new(), tempfile::tempdir().unwrap());
        let file = target.path().join("x.json");
        let mut started = recording(
            &workspace,
            &engine,
            &file,
            "isolate api GET /_ping >&2; echo $$; exec sleep 1000",
        );
        started.signal(name);
        assert_eq!(started.code(), Some(code), "{name}");
        assert!(file.exists());
        assert_nothing_left(&workspace, &started.first);
    }
}

#[test]
fn record_kills_the_command_at_the_second_signal() {
    let (workspace, target) = (Workspace::new(), tempfile::tempdir().unwrap());
    let (engine, file) = (Engine::start(plain), target.path().join("x.json"));
    let script = "isolate api GET /_ping >&2; trap '' INT TERM; echo $$; while :; do sleep 0.1; done";
    let mut started = recording(&workspace, &engine, &file, script);
    started.signal("INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(runs(&started.first));
    started.signal("TERM");
    assert_eq!(started.code(), Some(137));
    assert!(file.exists());
    assert_nothing_left(&workspace, &started.first);
}

#[test]
fn ignored_signal_stays_ignored() {
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
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut started = workspace.start(&mut command);
    started.signal("HUP");
    started.signal("TERM");
    assert_eq!(started.code(), Some(143));
    assert_nothing_left(&workspace, &started.first);
}

/// A command that a shell starts in the background ignores SIGINT, and inherits descriptors.
#[test]
#[cfg(target_os = "linux")]
fn command_on_basic_inherits_nothing() {
    let workspace = Workspace::new();
    let script = "grep SigIgn /proc/self/status; ls /proc/self/fd; sh -c 'kill -INT $$; echo ignored'";
    let direct = workspace.command(&["run", "-q", "--engine", "basic", "--", "sh", "-c", script]);
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' HUP INT QUIT TERM USR1 USR2; exec \"$0\" \"$@\" 4</dev/null 9>&1",
        ])
        .arg(direct.get_program())
        .args(direct.get_args())
        .envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = Ended(command.stdin(Stdio::null()).output().unwrap());
    let lines: Vec<String> = ended.stdout().lines().map(str::to_owned).collect();
    let ignored = lines[0].split_whitespace().last().unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    // HUP, INT, QUIT, USR1, USR2, TERM.
    assert_eq!(ignored & 0b100_1010_0000_0111, 0, "{lines:?}");
    // The last one is that of `ls` for the directory.
    assert_eq!(lines[1..], ["0", "1", "2", "3"], "{}", ended.stderr());
}

#[test]
fn timeout_kills_the_command_and_leaves_nothing() {
    let workspace = Workspace::basic();
    let ended = workspace.isolate(&["run", "--timeout", "300ms", "--", "sh", "-c", "sleep 1000"]);
    assert_eq!(ended.code(), Some(124));
    assert!(
        ended.stderr().contains("killed at its timeout"),
        "{}",
        ended.stderr()
    );
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn interrupted_export_leaves_no_part_of_an_archive() {
    let workspace = Workspace::new();
    let (socket, archive) = (workspace.home().join("d.sock"), workspace.home().join("a.tar"));
    // A daemon that accepts and never answers.
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let host = format!("unix://{}", socket.display());
    let arguments = ["--host", &host, "volume", "export", "data", "--output"];
    let mut command = workspace.command(&arguments);
    let child = command.arg(&archive).spawn().unwrap();
    let mut started = Started {
        child,
        stdout: None,
        first: String::new(),
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !archive.exists() {
        assert!(Instant::now() < deadline, "the export has not begun");
        std::thread::sleep(Duration::from_millis(10));
    }
    started.signal("INT");
    assert_eq!(started.code(), Some(130));
    assert!(!archive.exists());
}

#[test]
fn interrupted_copy_leaves_no_temporary_directory() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let host = memory.address();
    let isolate = |arguments: &[&str]| {
        let ended = workspace.isolate(&[&["--host", &host], arguments].concat());
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    };
    let (files, to) = (workspace.home().join("files"), workspace.home().join("to"));
    std::fs::create_dir(&files).unwrap();
    std::fs::create_dir(&to).unwrap();
    for number in 0..3_000 {
        std::fs::write(files.join(number.to_string()), "content").unwrap();
    }
    isolate(&["create", "--image", "busybox", "--name", "box"]);
    isolate(&["cp", files.to_str().unwrap(), "box:/files"]);
    let mut command = workspace.command(&["--host", &host, "cp", "box:/files"]);
    let child = command.arg(to.join("files")).spawn().unwrap();
    let mut started = Started {
        child,
        stdout: None,
        first: String::new(),
    };
    let found = || std::fs::read_dir(&to).unwrap().next();
    let deadline = Instant::now() + Duration::from_secs(60);
    while found().is_none() {
        assert!(Instant::now() < deadline, "the copy has not begun");
        std::thread::sleep(Duration::from_millis(1));
    }
    started.signal("INT");
    // Unless it was faster than the signal.
    if started.code() == Some(130) {
        assert!(found().is_none(), "{:?}", found());
    }
}
