//! `isolate engines`.

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

#[test]
fn basic_is_always_available() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["engines"]);
    assert_eq!(ended.code(), Some(0));
    assert!(
        ended.stdout().contains("basic       available: "),
        "{}",
        ended.stdout()
    );
    assert!(
        ended.stdout().contains("basic does not support images: "),
        "{}",
        ended.stdout()
    );
}

#[test]
fn json_lists_features_and_reasons() {
    let workspace = Workspace::new();
    let rows = workspace.isolate(&["engines", "--json"]).lines();
    let rows = rows[0].as_array().unwrap();
    let basic = rows.iter().find(|row| row["name"] == "basic").unwrap();
    assert!(basic["availability"]["available"]["detail"].is_string());
    assert!(basic["capabilities"]["lacking"]["images"].is_string());
}

#[test]
fn explanation_names_every_engine_and_creates_nothing() {
    let workspace = Workspace::new();
    let run = |arguments: &[&str]| workspace.isolate_without_a_daemon(arguments);
    let ended = run(&["run", "--require", "network-isolation,stdin", "--explain"]);
    let text = ended.stdout();
    assert!(text.contains("docker: passed over: "), "{text}");
    let why = "basic: passed over: ";
    let basic = text.lines().find(|line| line.starts_with(why)).unwrap();
    assert!(
        basic.contains("network isolation (commands use the network of"),
        "{text}"
    );
    let ended = run(&[
        "--json",
        "run",
        "--require",
        "rename",
        "--engine",
        "basic",
        "--explain",
    ]);
    let explained = &ended.lines()[0];
    assert_eq!((ended.code(), &explained["chosen"]), (Some(0), &"basic".into()));
    let reasons = explained["engines"].as_array().unwrap();
    let last = reasons.iter().find(|one| one["engine"] == "virtualenv").unwrap();
    let reason = last["reason"].as_str().unwrap();
    assert!(
        reason == "it fits, but basic is named" || reason.contains("install Python"),
        "{reason}"
    );
    assert!(last["version"].is_string() && last["priority"] == 0, "{last}");
    // Without an explanation there must be a command.
    assert!(run(&["run"]).stderr().contains("COMMAND"));
    assert!(workspace.left().is_empty());
}

#[test]
fn configuration_disables_and_orders_engines() {
    let workspace = Workspace::new();
    let config = r#"{"engines": {"basic": {"priority": 9}, "docker": {"enabled": false}}}"#;
    let file = workspace.home().join("config.json");
    std::fs::write(&file, config).unwrap();
    let ended = workspace.isolate(&["--json", "create", "--explain"]);
    let explained = &ended.lines()[0];
    assert_eq!(explained["chosen"], "basic", "{explained}");
    let engines = explained["engines"].as_array().unwrap();
    assert_eq!(
        (&engines[0]["engine"], &engines[0]["priority"]),
        (&"basic".into(), &9.into())
    );
    let docker = engines.iter().find(|one| one["engine"] == "docker").unwrap();
    let reason = docker["reason"].as_str().unwrap();
    assert!(reason.contains("the configuration disables it"), "{reason}");
    let named = workspace.isolate(&["run", "--engine", "docker", "true"]);
    assert!(
        named.stderr().contains("engines.docker.enabled"),
        "{}",
        named.stderr()
    );
    std::fs::write(&file, r#"{"engines": {"dokcer": {"priority": 9}}}"#).unwrap();
    let ended = workspace.isolate(&["engines"]);
    assert!(ended.stderr().contains("dokcer"), "{}", ended.stderr());
}

#[test]
fn engines_are_compared_as_table_and_json() {
    let workspace = Workspace::new();
    let text = workspace
        .isolate(&["engines", "compare", "basic", "docker"])
        .stdout();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
    assert!(line("images").ends_with('*'), "{text}");
    assert!(line("CPUs").contains(|c: char| c.is_ascii_digit()), "{text}");
    assert!(line("disk limits").contains("supervised"), "{text}");
    assert!(text.contains("basic does not support images: "), "{text}");
    let json = workspace.isolate(&["--json", "engines", "compare", "basic", "virtualenv"]);
    let json = json.lines();
    let managers = &json[0]["engines"][1]["capabilities"]["values"]["package_managers"];
    assert_eq!(managers, &serde_json::json!(["pip", "uv"]));
    let ended = workspace.isolate(&["engines", "compare", "basic", "nope"]);
    assert!(ended.stderr().contains("unknown engine"), "{}", ended.stderr());
}

#[test]
fn calls_are_printed_however_the_daemon_is_named() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let address = memory.address();
    let run = ["-vv", "run", "--image", "busybox", "--", "true"];
    let by_option = workspace.isolate(&[&["--host", &address], &run[..]].concat());
    let by_variable = Ended::of(workspace.command(&run).env("DOCKER_HOST", &address));
    for ended in [by_option, by_variable] {
        let text = ended.stderr();
        assert_eq!(ended.code(), Some(0), "{text}");
        assert!(
            text.contains("POST /containers/create (ContainerCreate"),
            "{text}"
        );
    }
}
