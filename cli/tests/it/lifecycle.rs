//! `isolate create, start, exec, stop, restart, kill, rm, ls, inspect` on the engine `basic`: each
//! one is a process of its own.

use crate::support::Workspace;

/// Runs the command, which must succeed; returns its standard output without the last newline.
fn ok(workspace: &Workspace, arguments: &[&str]) -> String {
    let ended = workspace.isolate(arguments);
    assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
    ended.stdout().trim_end().to_owned()
}

fn create(workspace: &Workspace, more: &[&str]) -> String {
    ok(workspace, &[&["create", "--engine", "basic"], more].concat())
}

#[test]
fn environment_lives_through_many_processes() {
    let workspace = Workspace::new();
    let id = create(
        &workspace,
        &["--name", "web server", "-e", "MODE=a=b", "-w", "/work"],
    );
    assert_eq!(id.len(), 16);
    let listed = ok(&workspace, &["ls"]);
    assert!(
        listed.contains(&id) && listed.contains("web server") && listed.contains("created"),
        "{listed}"
    );
    let early = workspace.isolate(&["exec", &id, "true"]);
    assert_eq!(early.code(), Some(125));
    assert!(
        early
            .stderr()
            .contains("start it first: `isolate start 'web server'`"),
        "{}",
        early.stderr()
    );

    assert_eq!(ok(&workspace, &["start", "web server"]), "web server");
    let script = "echo $MODE; pwd; echo kept > file; sleep 100000 >/dev/null 2>&1 &";
    let output = ok(&workspace, &["exec", &id[..6], "sh", "-c", script]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0] == "a=b" && lines[1].ends_with("/work"), "{output}");
    let failed = workspace.isolate(&[
        "exec",
        "-e",
        "MODE=x",
        &id,
        "--",
        "sh",
        "-c",
        "echo $MODE >&2; exit 3",
    ]);
    assert_eq!((failed.code(), failed.stderr().as_str()), (Some(3), "x\n"));
    assert_eq!(
        workspace.isolate_with(&["exec", &id, "cat"], b"input").stdout(),
        "input"
    );

    ok(&workspace, &["stop", "-t", "5", &id]);
    let state = ok(&workspace, &["inspect", "--json", &id]);
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        (&state["status"], &state["spec"]["env"]["MODE"]),
        (&"stopped".into(), &"***".into())
    );
    ok(&workspace, &["start", &id]);
    assert_eq!(ok(&workspace, &["exec", &id, "cat", "file"]), "kept");
    ok(&workspace, &["restart", &id]);
    let refused = workspace.isolate(&["rm", &id]);
    assert_eq!(refused.code(), Some(125));
    assert!(refused.stderr().contains("--force"), "{}", refused.stderr());
    ok(&workspace, &["kill", &id]);
    assert_eq!(ok(&workspace, &["rm", &id]), id);
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn ls_prints_json_and_rm_goes_on_after_an_error() {
    let workspace = Workspace::new();
    let first = create(&workspace, &["--start"]);
    let second = create(&workspace, &[]);
    let listed = workspace.isolate(&["ls", "--json"]).lines();
    let listed = listed[0].as_array().unwrap().clone();
    let status = |id: &str| {
        let one = listed.iter().find(|one| one["id"] == id).unwrap();
        one["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (status(&first).as_str(), status(&second).as_str()),
        ("running", "created")
    );
    let ended = workspace.isolate(&["rm", "-f", "no-such", &first, &second]);
    assert_eq!(ended.code(), Some(125));
    assert_eq!(ended.stdout(), format!("{first}\n{second}\n"));
    assert!(
        ended.stderr().contains("no environment has this name or ID"),
        "{}",
        ended.stderr()
    );
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn name_of_two_environments_is_refused_with_both_ids() {
    let workspace = Workspace::new();
    let ids = [(); 2].map(|()| create(&workspace, &["--name", "twin"]));
    let ended = workspace.isolate(&["start", "twin"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ids.iter().all(|id| ended.stderr().contains(id)),
        "{}",
        ended.stderr()
    );
    ok(&workspace, &["rm", &ids[0], &ids[1]]);
}

#[test]
fn specification_is_read_from_a_file() {
    let workspace = Workspace::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = r#"{"name": "from file", "env": {"A": "file", "B": "file"}, "working_dir": "w"}"#;
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap();
    let arguments = ["run", "-q", "--engine", "basic", "--spec", path, "-e", "B=option"];
    let script = ["--", "sh", "-c", "echo $A $B; pwd"];
    let output = ok(&workspace, &[&arguments[..], &script].concat());
    assert!(
        output.starts_with("file option\n") && output.ends_with("/w"),
        "{output}"
    );

    std::fs::write(file.path(), "{\n  \"imgae\": \"x\"}").unwrap();
    let ended = workspace.isolate(&["create", "--spec", path]);
    assert_eq!(ended.code(), Some(125));
    let text = ended.stderr();
    assert!(
        text.contains("imgae: unknown key; did you mean \"image\"?") && text.contains(path),
        "{text}"
    );
}

#[test]
fn every_fault_is_reported_at_once() {
    let workspace = Workspace::new();
    let arguments = [
        "create", "--engine", "basic", "--name", " ", "--image", "", "-w", " ",
    ];
    let ended = workspace.isolate(&arguments);
    assert_eq!(ended.code(), Some(125));
    let text = ended.stderr();
    for word in ["the name", "the image", "the working directory"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(workspace.left().is_empty());
}

#[test]
fn main_process_on_basic_names_the_engine_that_can() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["create", "--engine", "basic", "--", "sleep", "100"]);
    assert_eq!(ended.code(), Some(125));
    let text = ended.stderr();
    assert!(
        text.contains("main process") && text.contains("supports it: docker"),
        "{text}"
    );
}

#[test]
fn events_are_json_lines_in_order() {
    let workspace = Workspace::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let script = "exit 3";
    let ended = workspace.isolate(&[
        "run", "-q", "--engine", "basic", "--events", path, "sh", "-c", script,
    ]);
    assert_eq!(ended.code(), Some(3));
    let text = std::fs::read_to_string(file.path()).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let types: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let expected = [
        "chosen",
        "creating",
        "created",
        "started",
        "command_started",
        "command_ended",
        "destroyed",
    ];
    assert_eq!(types, expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], number);
        assert!(event["at"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(events[5]["exit"]["code"], 3);
    assert_eq!(events[1]["subject"]["environment"]["engine"], "basic");
    let ended = workspace.isolate(&["run", "--events", "/no/such/directory/x", "true"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("/no/such/directory/x"),
        "{}",
        ended.stderr()
    );
}

#[test]
fn events_are_those_of_other_processes() {
    let workspace = Workspace::new();
    let file = workspace.home().join("printed");
    let mut watching = workspace
        .command(&["events", "--engine", "basic"])
        .stdout(std::fs::File::create(&file).unwrap())
        .spawn()
        .unwrap();
    let printed = || std::fs::read_to_string(&file).unwrap();
    create(&workspace, &["--name", "watched"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let pause = || {
        assert!(std::time::Instant::now() < deadline, "{}", printed());
        std::thread::sleep(std::time::Duration::from_millis(500));
    };
    // It may not watch yet at the first start.
    while !(printed().contains("watched  started") && printed().contains("watched  stopped")) {
        ok(&workspace, &["start", "watched"]);
        pause();
        ok(&workspace, &["stop", "watched"]);
        pause();
    }
    ok(&workspace, &["rm", "watched"]);
    while !printed().contains("watched  destroyed") {
        pause();
    }
    watching.kill().unwrap();
    watching.wait().unwrap();
}
