//! Values of environment variables that are passed on: in the command, and nowhere else.

use crate::engine::Memory;
use crate::support::{Ended, Workspace};

const SECRET: &str = "correct-horse-battery";

#[test]
fn passed_on_value_is_in_no_recording() {
    let (workspace, memory) = (Workspace::new(), Memory::start());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.json");
    let variables = directory.path().join("variables");
    std::fs::write(&variables, format!("FROM_FILE=file-{SECRET}\nSHORT=abc\n")).unwrap();
    let run = |fixture: &[&str], ours: &str| {
        let script = "test \"$OURS\" && test \"$FROM_FILE\" && echo \"<$OURS>\"";
        let variables = variables.display().to_string();
        let line = [
            "run",
            "--image",
            "busybox",
            "-e",
            "OURS",
            "--env-file",
            &variables,
            "--",
            "sh",
            "-c",
        ];
        let line = [fixture, &line, &[script]].concat();
        Ended(workspace.command(&line).env("OURS", ours).output().unwrap())
    };
    let name = file.to_str().unwrap();
    let ended = run(
        &["--verbose", "--host", &memory.address(), "--record", name],
        SECRET,
    );
    let text = ended.stderr();
    assert_eq!(
        (ended.code(), ended.stdout()),
        (Some(0), format!("<{SECRET}>\n")),
        "{text}"
    );
    assert!(!text.contains(SECRET), "{text}");
    let recorded = std::fs::read_to_string(&file).unwrap();
    for secret in [SECRET, "SHORT=abc"] {
        assert!(!recorded.contains(secret), "{recorded}");
    }
    assert!(
        recorded.contains("{{secret:") && recorded.contains("busybox"),
        "{recorded}"
    );
    assert_eq!(memory.engine.resources(), [""; 0]);

    // The replay matches any value.
    let ended = run(&["--replay", name], "another value");
    assert_eq!(
        (ended.code(), ended.stdout().as_str()),
        (Some(0), "<another value>\n"),
        "{}",
        ended.stderr()
    );
}
