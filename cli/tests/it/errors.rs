//! Rejected arguments, and how errors are printed.

use crate::support::{NOWHERE, Workspace};

#[test]
fn invalid_arguments_are_rejected_before_any_work() {
    let workspace = Workspace::new();
    for (arguments, words) in [
        (&["run"][..], "COMMAND"),
        (&["run", "-m", "12q", "--", "true"], "512m"),
        (&["run", "-e", "NAME", "--", "true"], "NAME=VALUE"),
        (&["run", "--mount", "/:relative", "--", "true"], "absolute"),
        (&["run", "--copy", "/no/such:x", "--", "true"], "/no/such"),
        (&["run", "--cpus", "0", "--", "true"], "CPUs"),
        (&["run", "--engine", "nope", "--", "true"], "basic"),
        (&["run", "--name", "../x", "--", "true"], "name"),
        (&["run", "--", ""], "program"),
        (&["--replay", "x", "--host", NOWHERE, "doctor"], "exclude"),
        (&["api", "GET"], "PATH"),
        (&["nonsense"], "nonsense"),
    ] {
        let ended = workspace.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}");
        assert!(
            ended.stderr().starts_with("error: "),
            "{arguments:?}: {}",
            ended.stderr()
        );
        assert!(
            ended.stderr().contains(words),
            "{arguments:?}: {}",
            ended.stderr()
        );
        assert_eq!(ended.stdout(), "", "{arguments:?}");
    }
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}

#[test]
fn image_without_a_daemon_lists_every_engine() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["run", "--image", "busybox", "--", "true"]);
    assert_eq!(ended.code(), Some(125));
    let stderr = ended.stderr();
    assert!(
        stderr.starts_with("error: no available engine supports this environment\n"),
        "{stderr}"
    );
    assert!(stderr.contains("\n  caused by: basic: "), "{stderr}");
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn host_is_never_replaced_by_another_engine() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--host", NOWHERE, "run", "--", "true"]);
    assert_eq!(ended.code(), Some(125), "{}", ended.stderr());
    let ended = workspace.isolate(&["--host", NOWHERE, "run", "--engine", "basic", "--", "true"]);
    assert!(
        ended.stderr().contains("cannot be combined with --engine basic"),
        "{}",
        ended.stderr()
    );
}

#[test]
fn error_is_one_json_document() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["--json", "api", "GET", "/info"]);
    assert_eq!(ended.code(), Some(125));
    let error: serde_json::Value = serde_json::from_str(&ended.stderr()).unwrap();
    assert_eq!(error["error"]["exit"], 125);
    assert!(
        error["error"].to_string().contains("/no/such/docker.sock"),
        "{error}"
    );
}

#[test]
fn help_lists_exit_codes_and_version_is_printed() {
    let workspace = Workspace::new();
    let help = workspace.isolate(&["--help"]);
    assert_eq!(help.code(), Some(0));
    for code in ["124", "125", "126", "127", "128+n", "129 130 143"] {
        assert!(help.stdout().contains(code), "{code}");
    }
    let version = format!("isolate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(workspace.isolate(&["--version"]).stdout(), version);
}
