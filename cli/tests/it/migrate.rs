//! `isolate migrate` from the engine `basic` to `virtualenv`.

use serde_json::json;

use crate::support::Workspace;

#[test]
fn steps_come_before_the_result() {
    if std::process::Command::new("python3").arg("-V").output().is_err() {
        eprintln!("skipped: the engine virtualenv needs Python");
        return;
    }
    let workspace = Workspace::basic();
    let created = workspace.isolate(&["create", "--name", "old", "--start"]);
    assert_eq!(created.code(), Some(0), "{}", created.stderr());
    let exec = |name: &str, script: &str| workspace.isolate(&["exec", name, "--", "sh", "-c", script]);
    exec("old", "echo content >file");
    let plan = workspace.isolate(&["migrate", "--plan", "old", "virtualenv"]);
    let moves = "moves      the files of the environment (basic) -> ";
    assert!(
        plan.stdout().contains(moves),
        "{}{}",
        plan.stdout(),
        plan.stderr()
    );
    let arguments = ["--json", "migrate", "old", "virtualenv", "--name", "new", "--rm"];
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
        (&json!("new"), &json!(true))
    );
    assert_eq!(result["plan"]["hints"], json!([]));
    assert_eq!(exec("new", "cat file").stdout(), "content\n");
    let again = workspace.isolate(&["migrate", "new", "nosuch"]);
    let text = again.stderr();
    assert!(
        text.starts_with("error: cannot migrate the environment new: "),
        "{text}"
    );
    assert_eq!(workspace.isolate(&["rm", "--force", "new"]).code(), Some(0));
}
