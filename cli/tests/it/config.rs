//! `isolate config`, and the sources of the configuration.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Ended, NOWHERE, Workspace};

/// The command in this directory, which looks for the files of a project and of the user.
fn searching(workspace: &Workspace, here: &Path, arguments: &[&str]) -> Command {
    let mut command = workspace.command(arguments);
    command.current_dir(here).env_remove("ISOLATE_CONFIG");
    command
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn setting(ended: &Ended, key: &str) -> Value {
    let all = ended.lines();
    let all = all[0].as_array().unwrap();
    all.iter().find(|one| one["key"] == key).unwrap().clone()
}

#[test]
fn config_without_files_prints_the_defaults() {
    let ended = Workspace::new().isolate(&["config"]);
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""));
    let config: Value = serde_json::from_str(&ended.stdout()).unwrap();
    assert_eq!(config["version"], 1);
    assert_eq!(config["engine"], "auto");
    assert_eq!(config["docker"]["pull"], "missing");
    let json = Workspace::new().isolate(&["config", "--json"]).lines();
    assert_eq!(json, [config]);
}

#[cfg(unix)]
#[test]
fn explain_names_the_source_of_each_value() {
    let workspace = Workspace::new();
    let deep = workspace.home().join("project/deep");
    std::fs::create_dir_all(&deep).unwrap();
    let project = workspace.home().join("project/isolate.json");
    let user = workspace.home().join(".config/isolate/config.json");
    write(
        &project,
        r#"{"timeout": "1m", "docker": {"default_image": "project"}}"#,
    );
    write(
        &user,
        r#"{"timeout": "2m", "docker": {"container_prefix": "user-"}}"#,
    );
    let arguments = ["config", "--explain", "--json", "--host", NOWHERE];
    let mut command = searching(&workspace, &deep, &arguments);
    let ended = Ended(command.env("ISOLATE_ENGINE", "docker").output().unwrap());
    // The working directory of a process has no links in its path.
    let real = |path: &Path| json!({ "file": path.canonicalize().unwrap() });
    for (key, value, source) in [
        ("engine", json!("docker"), json!({ "variable": "ISOLATE_ENGINE" })),
        ("timeout", json!(60.0), real(&project)),
        ("docker.default_image", json!("project"), real(&project)),
        ("docker.container_prefix", json!("user-"), json!({ "file": user })),
        (
            "docker.docker_host",
            json!(NOWHERE),
            json!({ "option": "--host" }),
        ),
        ("docker.pull", json!("missing"), json!("default")),
        ("require", Value::Null, json!("default")),
    ] {
        let found = setting(&ended, key);
        assert_eq!((&found["value"], &found["source"]), (&value, &source), "{key}");
    }
    let text = Ended(
        searching(&workspace, &deep, &["config", "--explain"])
            .output()
            .unwrap(),
    );
    let lines: Vec<String> = text.stdout().lines().map(str::to_owned).collect();
    assert!(
        lines[0].starts_with("KEY ") && lines[0].ends_with("SOURCE"),
        "{lines:?}"
    );
    let host = "docker.docker_host             unix:///no/such/docker.sock  environment variable DOCKER_HOST";
    assert!(lines.iter().any(|line| line == host), "{lines:#?}");
}

#[test]
fn file_of_an_option_replaces_that_of_a_variable() {
    let workspace = Workspace::new();
    let file = workspace.home().join("other.json");
    write(&file, r#"{"engine": "basic", "timeout": "300ms"}"#);
    let file = file.to_str().unwrap();
    let ended = workspace.isolate(&["config", "--config", file]);
    assert!(
        ended.stdout().contains("\"engine\": \"basic\""),
        "{}",
        ended.stdout()
    );
}

#[cfg(unix)]
#[test]
fn values_of_the_file_have_an_effect_on_a_run() {
    let workspace = Workspace::new();
    let file = workspace.home().join("other.json");
    write(&file, r#"{"engine": "basic", "timeout": "300ms"}"#);
    let file = file.to_str().unwrap();
    let ended = workspace.isolate(&["run", "--config", file, "sleep", "1000"]);
    assert_eq!(ended.code(), Some(124), "{}", ended.stderr());
    let ended = workspace.isolate(&["run", "--config", file, "--timeout", "1h", "sleep", "0.5"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    write(Path::new(file), r#"{"engine": "basic", "require": "container"}"#);
    let ended = workspace.isolate(&["run", "--config", file, "true"]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("the isolation of a container"),
        "{}",
        ended.stderr()
    );
}

#[cfg(unix)]
#[test]
fn configured_container_has_image_prefix_and_limits() {
    let (workspace, memory) = (Workspace::new(), crate::engine::Memory::start());
    let file = workspace.home().join("other.json");
    let docker = json!({
        "docker_host": memory.address(), "default_image": "busybox", "pull": "never",
        "container_prefix": "ours-", "resource_limits": {"memory": "64m"},
    });
    write(&file, &json!({ "docker": docker }).to_string());
    let command = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        Ended(command.env_remove("DOCKER_HOST").output().unwrap())
    };
    let file = file.to_str().unwrap();
    let created = command(&["create", "--config", file, "--name", "web"]);
    assert_eq!(created.code(), Some(0), "{}", created.stderr());
    let listed = command(&["api", "--config", file, "GET", "/containers/json?all=true"]).stdout();
    assert!(
        listed.contains("\"/ours-") && listed.contains("\"busybox\""),
        "{listed}"
    );
    let inspected = command(&["inspect", "--config", file, "web"]).stdout();
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["spec"]["limits"]["memory"], 64 << 20);
    // An image of a variable replaces that of the file, and an option replaces both.
    for (options, image) in [(&[][..], "other"), (&["--image", "third"], "third")] {
        let mut command = workspace.command(&[&["create", "--config", file], options].concat());
        let output = command
            .env_remove("DOCKER_HOST")
            .env("ISOLATE_IMAGE", "other")
            .output();
        let text = Ended(output.unwrap()).stderr();
        assert!(text.contains(image), "{text}");
    }
}

/// The dictionary of an older program, as it is.
const OLD: &str = r#"{
    "docker_host": "unix:///var/run/docker.sock", "default_image": "python:3.9-slim",
    "default_registry": "docker.io", "network_subnet": "172.20.0.0/16",
    "volume_base_path": "/var/lib/ptest/volumes", "container_timeout": 300, "pull_timeout": 600,
    "build_timeout": 1800, "resource_limits": {"memory": "512m", "cpus": "1.0", "disk": "10g"},
    "network_prefix": "ptest_", "volume_prefix": "ptest_vol_"
}"#;

#[test]
fn old_file_is_checked_and_converted() {
    let workspace = Workspace::new();
    let (old, new) = (
        workspace.home().join("old.json"),
        workspace.home().join("new.json"),
    );
    write(&old, OLD);
    // The configuration in effect may be broken.
    write(&workspace.home().join("config.json"), "broken");
    let on = |subcommand, file: &Path| workspace.isolate(&["config", subcommand, file.to_str().unwrap()]);
    let ended = on("check", &old);
    assert_eq!((ended.code(), ended.stdout().as_str()), (Some(0), ""));
    assert!(ended.stderr().contains("version 0"), "{}", ended.stderr());
    let converted = on("convert", &old);
    write(&new, &converted.stdout());
    let ended = on("check", &new);
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""));
    assert_eq!(on("convert", &new).stdout(), converted.stdout());
    let value: Value = serde_json::from_str(&converted.stdout()).unwrap();
    assert_eq!(
        (&value["version"], &value["docker"]["pull_timeout"]),
        (&json!(1), &json!(600.0))
    );
    // Both mean the defaults.
    let effective = |file: &Path| {
        workspace
            .isolate(&["config", "--config", file.to_str().unwrap()])
            .stdout()
    };
    assert_eq!(effective(&old), effective(&new));
    write(&old, &OLD.replace("network_prefix", "network_prefx"));
    let ended = on("check", &old);
    assert_eq!(ended.code(), Some(125));
    for words in ["old.json", "did you mean \"docker.network_prefix\"?"] {
        assert!(ended.stderr().contains(words), "{}", ended.stderr());
    }
}

#[test]
fn broken_file_is_no_obstacle_to_completions() {
    let workspace = Workspace::new();
    write(&workspace.home().join("config.json"), "broken");
    assert_eq!(workspace.isolate(&["completions", "bash"]).code(), Some(0));
    let ended = workspace.isolate(&["ls"]);
    assert_eq!(ended.code(), Some(125));
    assert!(ended.stderr().contains("config.json: "), "{}", ended.stderr());
}
