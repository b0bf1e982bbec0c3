//! `isolate migrate` on the engine `basic`, to another directory of this machine.

use crate::support::Workspace;

#[test]
fn steps_come_before_the_result() {
    let workspace = Workspace::basic();
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().to_str().unwrap();
    let created = workspace.isolate(&["create", "--name", "old", "--start"]);
    assert_eq!(created.code(), Some(0), "{}", created.stderr());
    let exec = |name: &str, script: &str| workspace.isolate(&["exec", name, "--", "sh", "-c", script]);
    exec("old", "echo content >file");
    let plan = workspace.isolate(&["migrate", "--plan", "old", "basic", "--to-host", to]);
    assert!(
        plan.stdout().contains("moves      root -> the same path\n"),
        "{}",
        plan.stdout()
    );
    let arguments = [
        "--json",
        "migrate",
        "old",
        "basic",
        "--to-host",
        to,
        "--name",
        "new",
        "--rm",
    ];
    let moved = workspace.isolate(&arguments);
    let lines = moved.lines();
    let steps: Vec<_> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
    assert_eq!(
        steps,
        ["planned", "read", "written", "tested"],
        "{}",
        moved.stderr()
    );
    let result = lines.last().unwrap();
    assert_eq!(
        (&result["name"], &result["source_removed"]),
        (&"new".into(), &true.into())
    );
    assert_eq!(result["plan"]["hints"], serde_json::json!([]));
    assert_eq!(exec("new", "cat file").stdout(), "content\n");
    let again = workspace.isolate(&["migrate", "new", "basic", "--to-host", "/missing"]);
    assert!(
        again
            .stderr()
            .starts_with("error: cannot migrate the environment new: "),
        "{}",
        again.stderr()
    );
    assert_eq!(workspace.isolate(&["rm", "--force", "new"]).code(), Some(0));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
