//! `isolate run --shared`: many processes use one environment.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;

use crate::engine::Memory;
use crate::support::{Started, Workspace};

/// The processes that share an environment.
const PROCESSES: usize = 32;

fn spawn(workspace: &Workspace, line: &[&str]) -> Child {
    workspace
        .command(line)
        .env("ISOLATE_REAPER", "off")
        .spawn()
        .unwrap()
}

/// The output of each of the processes; all succeeded.
fn outputs(processes: Vec<Child>) -> BTreeSet<String> {
    let outputs = processes.into_iter().map(|process| {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        text
    });
    outputs.collect()
}

fn nothing_is_left(workspace: &Workspace) -> bool {
    workspace.left().is_empty() && workspace.journal().is_empty() && workspace.leases().is_empty()
}

#[test]
fn many_processes_share_one_directory() {
    let workspace = Workspace::basic();
    // Each waits until all are there, which is possible only in one environment.
    let script = format!(
        "touch $ISOLATION_ROOT/$$; while [ $(ls $ISOLATION_ROOT | grep -c '^[0-9]') -lt {PROCESSES} ]; \
         do sleep 0.05; done; echo $ISOLATION_ROOT"
    );
    let line = ["run", "-q", "--shared", "--", "sh", "-c", &script];
    let processes = (0..PROCESSES).map(|_| spawn(&workspace, &line));
    let roots = outputs(processes.collect());
    assert_eq!(roots.len(), 1, "{roots:?}");
    assert!(nothing_is_left(&workspace), "{:?}", workspace.leases());
}

#[test]
fn many_processes_share_one_container() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let address = memory.address();
    let host = ["--host", &address];
    let run = ["run", "-q", "--shared", "--image", "busybox", "--", "sh", "-c"];
    // This one holds the environment until the others are done.
    let first = [&host[..], &run, &["echo started; sleep 1000"]].concat();
    let mut held = workspace.start(workspace.command(&first).env("ISOLATE_REAPER", "off"));
    assert_eq!(held.first, "started");
    let line = [&host[..], &run, &["echo done"]].concat();
    let processes = (0..PROCESSES).map(|_| spawn(&workspace, &line));
    let printed = outputs(processes.collect());
    assert_eq!(printed, ["done\n".to_owned()].into());
    let containers = memory.engine.resources();
    let containers = containers.iter().filter(|one| one.starts_with("container "));
    assert_eq!(containers.count(), 1, "{:?}", memory.engine.resources());
    let listed = workspace.isolate(&[&host[..], &["ls"]].concat()).stdout();
    assert!(listed.contains("shared by 1"), "{listed}");
    held.signal("TERM");
    assert_eq!(held.code(), Some(143));
    assert!(
        memory.engine.resources().is_empty(),
        "{:?}",
        memory.engine.resources()
    );
    assert!(nothing_is_left(&workspace));
}

fn long(workspace: &Workspace, more: &[&str]) -> Started {
    let line = [
        &["run", "-q", "--shared"],
        more,
        &["--", "sh", "-c", "echo $ISOLATION_ROOT; sleep 1000"],
    ];
    workspace.start(workspace.command(&line.concat()).env("ISOLATE_REAPER", "off"))
}

#[test]
fn killed_process_does_not_end_it_for_the_others() {
    let workspace = Workspace::basic();
    let (mut first, mut second) = (long(&workspace, &[]), long(&workspace, &[]));
    assert_eq!(first.first, second.first);
    first.signal("KILL");
    first.code();
    let gc = workspace.isolate(&["gc"]);
    assert_eq!(
        (gc.code(), gc.stdout().as_str()),
        (Some(0), ""),
        "{}",
        gc.stderr()
    );
    assert!(Path::new(&second.first).exists());
    second.signal("KILL");
    second.code();
    let gc = workspace.isolate(&["gc"]);
    assert!(
        gc.stdout().starts_with("removed "),
        "{} {}",
        gc.stdout(),
        gc.stderr()
    );
    assert!(nothing_is_left(&workspace));
}

#[test]
fn other_options_get_another_environment() {
    let workspace = Workspace::basic();
    let mut first = long(&workspace, &[]);
    let mut other = long(&workspace, &["-e", "MODE=other"]);
    assert_ne!(first.first, other.first);
    let listed = workspace.isolate(&["ls"]).stdout();
    assert_eq!(listed.matches("shared by 1").count(), 2, "{listed}");
    for user in [&mut first, &mut other] {
        user.signal("TERM");
        assert_eq!(user.code(), Some(143));
    }
    assert!(nothing_is_left(&workspace));
}

#[test]
fn stopped_environment_is_replaced() {
    let workspace = Workspace::basic();
    let mut first = long(&workspace, &[]);
    let id = workspace.isolate(&["ls", "--json"]).lines()[0][0]["id"].clone();
    let id = id.as_str().unwrap();
    std::fs::write(Path::new(&first.first).join("mark"), "x").unwrap();
    first.signal("KILL");
    first.code();
    assert_eq!(workspace.isolate(&["stop", id]).code(), Some(0));
    let mut second = long(&workspace, &[]);
    assert_eq!(first.first, second.first, "the ID follows from the options");
    assert!(!Path::new(&second.first).join("mark").exists());
    let used = workspace.isolate(&["rm", id]);
    assert_eq!(used.code(), Some(125), "{}", used.stdout());
    second.signal("TERM");
    assert_eq!(second.code(), Some(143));
    assert!(nothing_is_left(&workspace));
}
