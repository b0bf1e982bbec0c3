//! `isolate doctor` without a Docker daemon.

use crate::support::{Ended, NOWHERE, Workspace};

#[test]
fn doctor_lists_the_address_tried_and_its_error() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["doctor"]);
    assert_eq!(ended.code(), Some(1));
    assert!(
        ended.stdout().contains(&format!("{NOWHERE} (DOCKER_HOST): ")),
        "{}",
        ended.stdout()
    );
    assert!(ended.stdout().contains("No such file"), "{}", ended.stdout());
    let ended = workspace.isolate(&["doctor", "--host", "unix:///else/where.sock"]);
    assert!(
        ended.stdout().contains("unix:///else/where.sock (--host): "),
        "{}",
        ended.stdout()
    );
}

#[test]
fn doctor_prints_the_same_report_as_json() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["doctor", "--json"]);
    assert_eq!(ended.code(), Some(1));
    let report = &ended.lines()[0];
    assert_eq!(report["endpoints"][0]["address"], NOWHERE);
    assert_eq!(
        (&report["sufficient"], &report["daemon"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn doctor_tries_default_addresses_without_docker_host() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["doctor", "--json"]);
    // A home without sockets; the system's own may answer.
    command.env_remove("DOCKER_HOST").env("HOME", "/no/such/home");
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    assert!(endpoints.len() > 5, "{endpoints:?}");
    assert_eq!(endpoints[0]["source"], "the default socket");
}

#[test]
fn doctor_without_a_daemon_fits_on_a_screen() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["doctor"]);
    command
        .env_remove("DOCKER_HOST")
        .env("HOME", "/home/a-user-with-a-name");
    let ended = Ended(command.output().unwrap());
    if ended.code() == Some(0) {
        return; // a daemon of this machine answers
    }
    // A line that is longer than the screen is wide takes several.
    let rows = |line: &str| line.chars().count().div_ceil(80).max(1);
    let text = ended.stdout();
    let height: usize = text.lines().map(rows).sum();
    assert!(height <= 22, "{height} lines and the prompt:\n{text}");
    assert!(text.lines().count() > 8, "{text}");
    let verbose = workspace
        .command(&["doctor", "--verbose"])
        .env_remove("DOCKER_HOST")
        .output();
    let verbose = String::from_utf8(verbose.unwrap().stdout).unwrap();
    assert!(
        verbose.contains("(Podman): SystemPing: cannot reach"),
        "{verbose}"
    );
}
