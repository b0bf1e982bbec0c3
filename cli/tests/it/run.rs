//! `isolate run` on the engine `basic`.

use std::process::Stdio;

use serde_json::json;

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

#[test]
fn run_keeps_streams_apart_and_returns_the_exit_code() {
    let workspace = Workspace::new();
    let script = "echo out; echo err >&2; exit 3";
    let ended = workspace.isolate(&["run", "-q", "--engine", "basic", "--", "sh", "-c", script]);
    assert_eq!(
        (ended.stdout().as_str(), ended.stderr().as_str()),
        ("out\n", "err\n")
    );
    assert_eq!(ended.code(), Some(3));
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[cfg(unix)]
#[test]
fn auto_without_a_daemon_uses_basic_and_reports_it() {
    let workspace = Workspace::new();
    if workspace.has_sandboxes() {
        return;
    }
    let ended = workspace.isolate_without_a_daemon(&["run", "--", "sh", "-c", "echo hello"]);
    assert_eq!((ended.stdout().as_str(), ended.code()), ("hello\n", Some(0)));
    assert!(
        ended.stderr().contains("using engine basic"),
        "{}",
        ended.stderr()
    );
    assert!(
        ended.stderr().contains("skipped docker: not available: "),
        "{}",
        ended.stderr()
    );
    let lines = workspace
        .isolate_without_a_daemon(&["--json", "run", "true"])
        .lines();
    assert_eq!(
        (&lines[0]["engine"], &lines[0]["skipped"][0]["engine"]),
        (&json!("basic"), &json!("docker"))
    );
}

#[cfg(target_os = "linux")]
#[test]
fn auto_without_a_daemon_prefers_a_sandbox() {
    use std::os::unix::fs::PermissionsExt;
    let workspace = Workspace::new();
    // For root, the directory must be one that every user may enter.
    let shared = tempfile::tempdir().unwrap();
    std::fs::set_permissions(shared.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = workspace.command_without_a_daemon(arguments);
        Ended::of(command.env("TMPDIR", shared.path()))
    };
    let engines = run(&["engines", "--json"]).lines();
    let is_sandbox = |row: &&serde_json::Value| row["name"] == "sandbox";
    let sandbox = engines[0].as_array().unwrap().iter().find(is_sandbox).unwrap();
    if sandbox["availability"]["available"].is_null() {
        eprintln!("skipped: {}", sandbox["availability"]);
        return;
    }
    let ended = run(&["run", "--require", "container", "--", "sh", "-c", "id -u; exit 3"]);
    assert_eq!((ended.stdout().as_str(), ended.code()), ("0\n", Some(3)));
    assert!(
        ended.stderr().contains("using engine sandbox"),
        "{}",
        ended.stderr()
    );
    let doctor = run(&["doctor"]).stdout();
    assert!(
        doctor.contains("Engine sandbox: available: bubblewrap"),
        "{doctor}"
    );
    assert!(doctor.contains("--engine sandbox"), "{doctor}");
    assert_eq!(std::fs::read_dir(shared.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn bridge_of_a_sandbox_is_used_or_refused() {
    let workspace = Workspace::new();
    let run = |network: &str| {
        let arguments = ["run", "-q", "--engine", "sandbox", "--network", network];
        workspace.isolate(&[&arguments[..], &["--", "cat", "/etc/resolv.conf"]].concat())
    };
    if run("none").code() != Some(0) {
        eprintln!("skipped: {}", run("none").stderr());
        return;
    }
    let ended = run("bridge");
    match ended.code() {
        Some(0) => assert!(
            ended.stdout().starts_with("nameserver 198.18.213.3\n"),
            "{}",
            ended.stdout()
        ),
        _ => assert!(
            ended.stderr().contains("the network bridge is not possible: "),
            "{}",
            ended.stderr()
        ),
    }
    assert!(run("other").stderr().contains("named networks"));
}

#[cfg(unix)]
#[test]
fn running_on_the_host_is_never_silent() {
    let workspace = Workspace::new();
    if workspace.has_sandboxes() {
        return;
    }
    let warning = "isolate: warning: no container engine found; the command runs directly on this host, \
                   its files are not protected\n";
    assert_eq!(
        workspace
            .isolate_without_a_daemon(&["run", "-q", "true"])
            .stderr(),
        warning
    );
    let required = workspace.isolate_without_a_daemon(&["run", "--require", "container", "touch", "here"]);
    assert_eq!(required.code(), Some(125));
    let text = required.stderr();
    assert!(
        text.contains("the isolation of a container is required"),
        "{text}"
    );
    assert!(text.contains("caused by: docker: not available"), "{text}");
}

#[test]
fn requirement_holds_for_a_chosen_engine_too() {
    let workspace = Workspace::basic();
    // An engine that the user has chosen needs no warning.
    let chosen = workspace.isolate(&["run", "-q", "true"]);
    assert_eq!((chosen.code(), chosen.stderr().as_str()), (Some(0), ""));
    let mut command = workspace.command(&["run", "true"]);
    let ended = Ended(command.env("ISOLATE_REQUIRE", "container").output().unwrap());
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended
            .stderr()
            .contains("basic runs commands directly on this host"),
        "{}",
        ended.stderr()
    );
    let mut command = workspace.command(&["run", "-q", "--require", "process", "true"]);
    let ended = Ended(command.env("ISOLATE_REQUIRE", "container").output().unwrap());
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""));
}

#[test]
fn signal_and_missing_program_have_shell_exit_codes() {
    let workspace = Workspace::basic();
    assert_eq!(
        workspace.isolate(&["run", "sh", "-c", "kill -9 $$"]).code(),
        Some(137)
    );
    let missing = workspace.isolate(&["run", "--", "no-such-program"]);
    assert_eq!(missing.code(), Some(127));
    assert!(missing.stderr().contains("no-such-program"));
}

#[test]
fn input_and_its_end_reach_the_command() {
    let workspace = Workspace::basic();
    assert_eq!(
        workspace.isolate_with(&["run", "sort"], b"b\na\n").stdout(),
        "a\nb\n"
    );
    let much: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    assert_eq!(workspace.isolate_with(&["run", "cat"], &much).0.stdout, much);
    assert_eq!(
        workspace
            .isolate_with(&["run", "--stdin", "never", "cat"], b"x")
            .stdout(),
        ""
    );
    let half = workspace.isolate_with(&["run", "--", "head", "-c", "1"], &much);
    assert_eq!((half.0.stdout.len(), half.code()), (1, Some(0)));
}

#[test]
fn command_may_end_while_its_input_is_open() {
    let workspace = Workspace::basic();
    let mut command = workspace.command(&["run", "echo", "done"]);
    let mut started = workspace.start(command.stdin(Stdio::piped()));
    assert_eq!(started.code(), Some(0));
    assert_eq!(started.first, "done");
}

#[test]
fn only_given_variables_reach_the_command() {
    let workspace = Workspace::basic();
    let mut command = workspace.command(&[
        "run",
        "-q",
        "-e",
        "GIVEN=a=b",
        "--",
        "sh",
        "-c",
        "echo $GIVEN.$OURS.",
    ]);
    let output = command.env("OURS", "leaked").output().unwrap();
    assert_eq!(output.stdout, b"a=b..\n");
}

#[test]
fn name_alone_passes_on_the_callers_value() {
    let workspace = Workspace::basic();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "# ours\nFILE=from a file\nOURS\nTWICE=file\n").unwrap();
    let file = file.path().to_str().unwrap();
    let script = "echo $OURS.$FILE.$TWICE.$MISSING.";
    let mut command = workspace.command(&[
        "run",
        "-e",
        "OURS",
        "-e",
        "TWICE=option",
        "--env-file",
        file,
        "-e",
        "MISSING",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let ended = Ended(command.env("OURS", "a=b").env_remove("MISSING").output().unwrap());
    assert_eq!(ended.stdout(), "a=b.from a file.option..\n", "{}", ended.stderr());
    let note = "isolate: MISSING is not set here, so the command does not get it\n";
    assert!(ended.stderr().contains(note), "{}", ended.stderr());
}

#[cfg(target_os = "linux")]
#[test]
fn passed_on_value_is_in_no_command_line() {
    let workspace = Workspace::basic();
    // Every process that this user can see, the command and its environment's helpers included.
    let script = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'; echo ${#OURS}";
    let mut command = workspace.command(&["run", "-e", "OURS", "--", "sh", "-c", script]);
    let secret = format!("canary-{}-{}", "of-this", "test");
    let ended = Ended(command.env("OURS", &secret).output().unwrap());
    assert!(ended.stdout().ends_with("19\n"), "{}", ended.stderr());
    assert!(ended.stdout().contains("OURS") && !ended.stdout().contains(&secret));
}

#[test]
fn files_are_copied_into_a_new_working_directory() {
    let workspace = Workspace::basic();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "content").unwrap();
    let copy = format!("{}:deep/file", file.path().display());
    let ended = workspace.isolate(&[
        "run",
        "-w",
        "/some/where",
        "--copy",
        &copy,
        "--",
        "cat",
        "deep/file",
    ]);
    assert_eq!(
        (ended.stdout().as_str(), ended.code()),
        ("content", Some(0)),
        "{}",
        ended.stderr()
    );
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn json_prints_one_event_per_line() {
    let workspace = Workspace::basic();
    let script = "printf 'a\\n'; printf '\\377' >&2; exit 4";
    let ended = workspace.isolate(&["--json", "run", "--", "sh", "-c", script]);
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(4), ""));
    let lines = ended.lines();
    assert_eq!(lines[0]["engine"], "basic");
    assert_eq!(lines[1]["type"], "environment");
    assert!(lines.contains(&json!({ "type": "stdout", "text": "a\n" })));
    assert!(lines.contains(&json!({ "type": "stderr", "base64": "/w==" })));
    let end = lines.last().unwrap();
    assert_eq!(
        (&end["type"], &end["code"], &end["exit"]),
        (&json!("exit"), &json!(4), &json!(4))
    );
}

#[test]
fn keep_leaves_the_environment_in_place() {
    let workspace = Workspace::basic();
    let ended = workspace.isolate(&[
        "run",
        "--keep",
        "--name",
        "mine",
        "--",
        "sh",
        "-c",
        "echo x > file",
    ]);
    assert_eq!(ended.code(), Some(0));
    assert!(
        ended.stderr().contains("keeping the environment mine"),
        "{}",
        ended.stderr()
    );
    assert_eq!(workspace.left().len(), 1);
}

#[test]
fn closed_pipe_is_success() {
    let workspace = Workspace::basic();
    let mut started = workspace.start(&mut workspace.command(&["run", "yes"]));
    assert_eq!(started.first, "y");
    started.stdout = None;
    assert_eq!(started.code(), Some(0));
    let line = format!(
        "set -o pipefail; '{}' run -- yes | head -n 1",
        env!("CARGO_BIN_EXE_isolate")
    );
    let isolate = workspace.command(&[]);
    let pipeline = std::process::Command::new("bash")
        .args(["-c", &line])
        .envs(
            isolate
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .expect("this test needs bash");
    assert_eq!(
        (pipeline.status.code(), pipeline.stdout.as_slice()),
        (Some(0), &b"y\n"[..])
    );
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn default_limit_without_effect_is_a_warning() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    memory
        .engine
        .set_info("SecurityOptions", serde_json::json!(["name=rootless"]));
    memory.engine.set_info("CgroupDriver", "none".into());
    let create = ["create", "--image", "busybox", "--profile", "hardened"];
    let ended = workspace.isolate(&[&["--host", &memory.address()][..], &create].concat());
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let warning = "isolate: warning: running without the default process limit: this daemon cannot limit \
                   processes, because it runs without root";
    assert!(ended.stderr().contains(warning), "{}", ended.stderr());
}

#[test]
fn refused_creation_is_replayed() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("refused.json").display().to_string();
    let refusal = fake_engine::Fault::internal_error("no space left on device");
    memory.engine.fail_next("POST", "/containers/create", refusal);
    let run = |options: &[&str]| {
        let ended = workspace.isolate(&[options, &["run", "--image", "busybox", "--", "true"]].concat());
        assert!(
            ended.stderr().contains("no space left on device"),
            "{}",
            ended.stderr()
        );
        ended.code()
    };
    let recorded = run(&["--host", &memory.address(), "--record", &name]);
    assert_eq!(run(&["--replay", &name]), recorded);
}
