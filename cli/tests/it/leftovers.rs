//! Leftovers of a killed process, and their removal: by the reaper, the next start, `isolate gc`,
//! `isolate rm`.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::engine::Memory;
use crate::support::{Ended, Started, Workspace};

/// A run on the engine `basic` that lasts until it is killed.
fn run(workspace: &Workspace, reaper: &str, name: &str) -> Started {
    let line = [
        "run",
        "-q",
        "--engine",
        "basic",
        "--name",
        name,
        "--",
        "sh",
        "-c",
        "echo $$; sleep 1000",
    ];
    workspace.start(workspace.command(&line).env("ISOLATE_REAPER", reaper))
}

fn kill(mut owner: Started) {
    owner.child.kill().unwrap();
    owner.child.wait().unwrap();
}

/// Runs the command without a reaper.
fn isolate(workspace: &Workspace, arguments: &[&str]) -> Ended {
    let mut command = workspace.command(arguments);
    Ended(command.env("ISOLATE_REAPER", "off").output().unwrap())
}

fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn nothing_is_left(workspace: &Workspace) -> bool {
    workspace.left().is_empty() && workspace.journal().is_empty()
}

#[test]
fn reaper_removes_what_a_killed_owner_leaves() {
    for signal in ["KILL", "QUIT", "ABRT"] {
        let workspace = Workspace::new();
        let mut owner = run(&workspace, env!("CARGO_BIN_EXE_isolate"), "a");
        assert_eq!((workspace.left().len(), workspace.journal().len()), (1, 1));
        // A shell starts background jobs with SIGQUIT ignored. The owner inherits that from this
        // process, and ignores the signal, too.
        let ignored = signal == "QUIT" && this_process_ignores(3);
        owner.signal(if ignored { "KILL" } else { signal });
        owner.child.wait().unwrap();
        until(signal, || nothing_is_left(&workspace));
    }
}

fn this_process_ignores(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status.unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) & (1 << (signal - 1)) != 0
}

#[test]
fn reaper_outlives_the_terminal_of_its_owner() {
    let workspace = Workspace::new();
    // Both the owner and what it started directly are in this group.
    let line = [
        "run",
        "-q",
        "--engine",
        "basic",
        "--",
        "sh",
        "-c",
        "echo $$; sleep 1000",
    ];
    let mut owner = workspace.start(workspace.command(&line).process_group(0));
    let group = format!("kill -KILL -{}", owner.child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &group])
            .status()
            .unwrap()
            .success()
    );
    owner.child.wait().unwrap();
    until("the directory is removed", || nothing_is_left(&workspace));
}

#[test]
fn reaper_holds_no_descriptor_of_its_owner() {
    let workspace = Workspace::new();
    // The owner inherits a pipe beyond the standard streams. It ends when its last holder ends.
    let isolate = env!("CARGO_BIN_EXE_isolate");
    let script =
        format!("{{ exec {isolate} run -q --engine basic -- sh -c 'echo started; sleep 1000' 9>&1; }} | cat");
    let mut shell = Command::new("sh");
    let direct = workspace.command(&[]);
    shell
        .args(["-c", &script])
        .envs(direct.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let mut owner = workspace.start(shell.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0));
    assert_eq!(owner.first, "started");
    let journal = std::fs::read_to_string(&workspace.journal()[0]).unwrap();
    let entry: serde_json::Value = serde_json::from_str(&journal).unwrap();
    let pid = entry["owner"]["pid"].to_string();
    let reaper = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut processes = processes.map(|process| process.path());
        processes.find(|process| {
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&format!("reaper --detached {pid} "))
        })
    };
    if std::path::Path::new("/proc/self").exists() {
        until("the reaper runs", || reaper().is_some());
        let descriptors = reaper().unwrap().join("fd");
        let held = |fd: &str| {
            let link = std::fs::read_link(descriptors.join(fd));
            link.map(|link| link.to_string_lossy().into_owned())
        };
        assert_eq!(held("1").unwrap(), "/dev/null");
        assert_eq!(held("2").unwrap(), "/dev/null");
        let inherited = held("9").unwrap_or_default();
        assert!(!inherited.starts_with("pipe:"), "{inherited}");
    }
    let kill = format!("kill -KILL {}", entry["owner"]["pid"]);
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    owner.child.wait().unwrap();
    until("the directory is removed", || nothing_is_left(&workspace));
}

#[test]
fn gc_removes_orphans_and_nothing_else() {
    let workspace = Workspace::new();
    let live = run(&workspace, "off", "live");
    let kept = isolate(&workspace, &["create", "--engine", "basic", "--name", "kept"]);
    assert_eq!(kept.code(), Some(0), "{}", kept.stderr());
    kill(run(&workspace, "off", "orphan"));
    let listed = isolate(&workspace, &["ls"]).stdout();
    let line = |name: &str| listed.lines().find(|line| line.contains(name)).unwrap();
    let words = |name: &str| {
        let words = line(name).split_whitespace().skip(2);
        // The age is a number and a unit.
        let words = words.enumerate().filter(|(at, _)| ![2, 3].contains(at));
        words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        words("orphan  basic"),
        "basic running ago - orphan - -",
        "{listed}"
    );
    assert_eq!(words("kept"), "basic created ago - kept - -", "{listed}");
    assert!(
        line("live").contains(&format!("process {}", live.child.id())),
        "{listed}"
    );

    let dry = isolate(&workspace, &["gc", "--dry-run"]);
    assert!(dry.stdout().starts_with("would remove "), "{}", dry.stdout());
    assert_eq!((workspace.left().len(), dry.stdout().lines().count()), (3, 1));
    let collected = isolate(&workspace, &["gc", "--json"]).lines();
    let removed = &collected[0]["removed"];
    assert_eq!(
        (removed.as_array().unwrap().len(), &removed[0]["name"]),
        (1, &"orphan".into())
    );
    assert_eq!(workspace.left().len(), 2);
    let again = isolate(&workspace, &["gc"]);
    assert_eq!(
        (again.code(), again.stdout().as_str()),
        (Some(0), ""),
        "{}",
        again.stderr()
    );

    assert_eq!(isolate(&workspace, &["rm", "kept"]).code(), Some(0));
    kill(live);
    assert_eq!(isolate(&workspace, &["rm", "-f", "live"]).code(), Some(0));
    assert!(nothing_is_left(&workspace));
}

#[test]
fn next_start_removes_what_is_left() {
    let workspace = Workspace::new();
    kill(run(&workspace, "off", "a"));
    assert_eq!(workspace.journal().len(), 1);
    let next = isolate(&workspace, &["run", "-q", "--engine", "basic", "--", "true"]);
    assert_eq!(next.code(), Some(0), "{}", next.stderr());
    assert!(nothing_is_left(&workspace), "{:?}", workspace.left());
}

#[test]
fn every_state_has_a_command_that_leaves_it() {
    let workspace = Workspace::new();
    // Somebody else removed its directory, and not its processes.
    let id = isolate(&workspace, &["create", "--engine", "basic", "--start"]).stdout();
    let script = "sleep 1000 >/dev/null 2>&1 & echo $!";
    let started = isolate(&workspace, &["exec", id.trim(), "sh", "-c", script]);
    let process = std::path::PathBuf::from(format!("/proc/{}/cmdline", started.stdout().trim()));
    let runs = || std::fs::read(&process).is_ok_and(|line| !line.is_empty());
    assert!(runs(), "{}", started.stderr());
    std::fs::remove_dir_all(&workspace.left()[0]).unwrap();
    let listed = isolate(&workspace, &["ls", "--json"]).lines();
    assert_eq!(
        (&listed[0][0]["status"], &listed[0][0]["lifetime"]),
        (&"lost".into(), &"kept".into())
    );
    assert!(listed[0][0]["created"].is_u64(), "{:?}", listed[0]);
    let exec = isolate(&workspace, &["exec", id.trim(), "true"]);
    assert!(
        exec.stderr().contains("removed by somebody else"),
        "{}",
        exec.stderr()
    );
    assert_eq!(isolate(&workspace, &["rm", &id[..5]]).code(), Some(0));
    assert!(!runs());
    assert!(nothing_is_left(&workspace));

    // The entry is damaged.
    isolate(&workspace, &["create", "--engine", "basic"]);
    std::fs::remove_dir_all(&workspace.left()[0]).unwrap();
    std::fs::write(&workspace.journal()[0], "{").unwrap();
    let gc = isolate(&workspace, &["gc"]);
    assert_eq!(gc.code(), Some(1));
    assert!(gc.stderr().contains("is damaged"), "{}", gc.stderr());
    let listed = isolate(&workspace, &["ls", "--json"]).lines();
    let id = listed[0][0]["id"].as_str().unwrap();
    assert_eq!(isolate(&workspace, &["rm", id]).code(), Some(0));
    assert!(nothing_is_left(&workspace));

    // The daemon does not answer.
    let memory = Memory::start();
    let line = [
        "--host",
        &memory.address(),
        "create",
        "--image",
        "busybox",
        "--name",
        "far",
    ];
    let created = isolate(&workspace, &line);
    assert_eq!(created.code(), Some(0), "{}", created.stderr());
    let elsewhere = isolate(&workspace, &["ls", "--json"]).lines();
    assert_eq!(elsewhere[0][0]["address"], memory.address());
    drop(memory);
    let listed = isolate(&workspace, &["ls"]).stdout();
    assert!(
        listed.contains("unreachable") && listed.contains(" ago "),
        "{listed}"
    );
    let refused = isolate(&workspace, &["rm", "far"]);
    assert!(refused.stderr().contains("--force"), "{}", refused.stderr());
    assert_eq!(isolate(&workspace, &["rm", "--force", "far"]).code(), Some(0));
    assert!(nothing_is_left(&workspace));
}

#[test]
fn gc_reports_a_daemon_that_does_not_answer() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let address = memory.address();
    let line = [
        "--host",
        &address,
        "run",
        "--image",
        "busybox",
        "--",
        "sh",
        "-c",
        "echo started; sleep 1000",
    ];
    let owner = workspace.start(workspace.command(&line).env("ISOLATE_REAPER", "off"));
    kill(owner);
    memory.engine.disconnect();
    let gc = isolate(&workspace, &["gc"]);
    assert_eq!((gc.code(), workspace.journal().len()), (Some(1), 1));
    assert!(gc.stderr().contains("cannot remove"), "{}", gc.stderr());
    memory.engine.reconnect();
    let gc = isolate(&workspace, &["gc"]);
    assert_eq!(gc.code(), Some(0), "{}", gc.stderr());
    assert!(
        memory.engine.resources().is_empty(),
        "{:?}",
        memory.engine.resources()
    );
    assert!(nothing_is_left(&workspace));
}

#[test]
fn journal_that_cannot_be_written_creates_nothing() {
    let workspace = Workspace::new();
    let direct = workspace.command(&["run", "--engine", "basic", "--", "true"]);
    // No file may grow, as on a full disk; output goes into pipes.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(direct.get_program())
        .args(direct.get_args())
        .envs(direct.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = Ended(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("cannot write the journal entry"),
        "{}",
        ended.stderr()
    );
    assert!(
        nothing_is_left(&workspace),
        "{:?} {:?}",
        workspace.left(),
        workspace.journal()
    );
}

#[test]
fn gc_reports_images_that_others_use() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let address = memory.address();
    let on = |arguments: &[&str]| {
        let ended = isolate(&workspace, &[&["--host", &address], arguments].concat());
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout()
    };
    on(&["create", "--image", "busybox", "--name", "web"]);
    let fork = on(&["fork", "web"]);
    let mut images = memory.engine.snapshot().images.into_iter();
    let image = images.find(|name| name.contains("isolation-state")).unwrap();
    let body = serde_json::json!({"Image": image, "Cmd": ["true"]}).to_string();
    on(&["api", "POST", "/containers/create?name=stranger", "--data", &body]);
    on(&["rm", "--force", "web", fork.trim()]);
    for dry_run in [&["gc", "--dry-run"][..], &["gc"]] {
        assert_eq!(
            on(dry_run),
            format!("others still use the image {image} (docker)\n")
        );
    }
    on(&["api", "DELETE", "/containers/stranger"]);
    let dry = on(&["gc", "--dry-run"]);
    assert_eq!(dry, format!("would remove the image {image} (docker)\n"));
    assert_eq!(on(&["gc"]), format!("removed the image {image} (docker)\n"));
    assert_eq!(memory.engine.resources(), [""; 0]);
    assert!(nothing_is_left(&workspace));
}
