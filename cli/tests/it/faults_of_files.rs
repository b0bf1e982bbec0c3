//! Every fault of a file that a person writes is reported at once, with the path of its key.

use std::path::Path;

use crate::support::{Ended, NOWHERE, Workspace};

fn failed(ended: &Ended) -> String {
    assert_eq!(ended.code(), Some(125), "{}", ended.stdout());
    let text = ended.stderr();
    for word in ["struct ", "enum ", "u64", "i32", "sequence", " map"] {
        assert!(!text.contains(word), "{word:?}: {text}");
    }
    text
}

fn contains_lines(text: &str, lines: &[&str]) {
    for line in lines {
        let cause = format!("  caused by: {line}");
        assert!(
            text.lines().any(|found| found.starts_with(&cause)),
            "{line}: {text}"
        );
    }
    let causes = text.lines().filter(|line| line.starts_with("  caused by: "));
    assert_eq!(causes.count(), lines.len(), "{text}");
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn config_check_reports_every_fault() {
    let workspace = Workspace::new();
    let file = workspace.home().join("faulty.json");
    let check = || workspace.isolate(&["config", "check", file.to_str().unwrap()]);
    write(
        &file,
        r#"{"engine": "dokcer", "timeout": [], "pol": 1, "engines": {"basik": {"priority": "x"}},
            "docker": {"pull": "often", "resource_limits": {"memory": "lots"}, "pull_timeout": 0}}"#,
    );
    contains_lines(
        &failed(&check()),
        &[
            "engine: ",
            "engines.basik: ",
            "timeout: a number is expected, or a text with a unit",
            "pol: unknown key; did you mean \"pool\"?",
            "engines.basik.priority: a whole number is expected, not a text",
            "docker.pull: unknown value; use missing, always or never",
            "docker.resource_limits.memory: \"lots\" is not a size",
            "docker.pull_timeout: pull_timeout must be greater than 0",
        ],
    );
    write(&file, r#"{"engine": "dokcer"}"#);
    let text = failed(&check());
    assert!(text.contains("dokcer") && text.contains("virtualenv"), "{text}");
    write(
        &file,
        r#"{"engine": "basic", "engines": {"sandbox": {"enabled": false}}}"#,
    );
    assert_eq!(check().code(), Some(0), "{}", check().stderr());
}

#[test]
fn specification_file_reports_every_fault() {
    let workspace = Workspace::basic();
    let file = workspace.home().join("spec.json");
    write(
        &file,
        r#"{"imgae": "x", "limits": {"memroy": 1, "pids": "many"}, "env": [],
            "mounts": [{"source": {"tmpfs": {}}, "taget": "/a"}]}"#,
    );
    for command in ["create", "run"] {
        let ended = workspace.isolate(&[command, "--spec", file.to_str().unwrap(), "true"]);
        let text = failed(&ended);
        assert!(text.contains("spec.json"), "{text}");
        contains_lines(
            &text,
            &[
                "imgae: unknown key; did you mean \"image\"?",
                "limits.memroy: unknown key; did you mean \"memory\"?",
                "limits.pids: a whole number from 0 is expected, not a text",
                "env: an object is expected, not a list",
                "mounts[0].taget: unknown key; did you mean \"target\"?",
                "mounts[0].target: it is missing",
            ],
        );
    }
}

#[test]
fn group_file_reports_every_fault() {
    let workspace = Workspace::new();
    let file = workspace.home().join("group.json");
    let up = || workspace.isolate(&["up", "--host", NOWHERE, file.to_str().unwrap()]);
    write(
        &file,
        r#"{"nam": "shop", "services": {"db": {"imgae": "x", "depends_on": {"web": "done"}}, "web": []}}"#,
    );
    contains_lines(
        &failed(&up()),
        &[
            "nam: unknown key; did you mean \"name\"?",
            "services.db.imgae: unknown key; did you mean \"image\"?",
            "services.db.depends_on.web: unknown value; use started, ready or completed",
            "services.web: an object is expected, not a list",
        ],
    );
    write(&file, "[]");
    let text = failed(&up());
    assert!(text.contains("an object is expected, not a list"), "{text}");
}

#[test]
fn unreadable_configuration_has_a_hint() {
    let workspace = Workspace::new();
    let directory = workspace.home().join("directory");
    std::fs::create_dir(&directory).unwrap();
    let mut command = workspace.command(&["ls"]);
    let ended = Ended(command.env("ISOLATE_CONFIG", &directory).output().unwrap());
    let text = failed(&ended);
    assert!(
        text.contains("hint: ") && text.contains("--config FILE"),
        "{text}"
    );
}
