//! `isolate completions` and `isolate man`: generated from the command line's definition.

use crate::support::Workspace;

const COMMANDS: [&str; 35] = [
    "run",
    "packages",
    "create",
    "start",
    "exec",
    "shell",
    "cp",
    "stop",
    "restart",
    "kill",
    "wait",
    "logs",
    "port",
    "stats",
    "bundle",
    "snapshot",
    "fork",
    "migrate",
    "up",
    "down",
    "rm",
    "ls",
    "gc",
    "inspect",
    "events",
    "image",
    "network",
    "volume",
    "config",
    "doctor",
    "engines",
    "api",
    "fixtures",
    "completions",
    "man",
];
const FIXTURES: [&str; 8] = [
    "record", "replay", "refresh", "show", "check", "diff", "stats", "verify",
];

#[test]
fn completions_name_every_command() {
    let workspace = Workspace::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = workspace.isolate(&["completions", shell]);
        assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""), "{shell}");
        let script = ended.stdout();
        let words: Vec<&str> = script
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .collect();
        for command in COMMANDS.iter().chain(&FIXTURES).chain(&["--record-delays"]) {
            // fish writes a long option without its dashes.
            let bare = command.trim_start_matches('-');
            assert!(
                words.contains(command) || words.contains(&bare),
                "{shell}: {command}"
            );
        }
    }
    let ended = workspace.isolate(&["completions", "tcsh"]);
    assert_eq!(ended.code(), Some(125));
    assert!(ended.stderr().contains("bash"), "{}", ended.stderr());
}

#[cfg(unix)]
#[test]
fn completion_scripts_have_valid_shell_syntax() {
    let workspace = Workspace::new();
    let script = workspace.isolate(&["completions", "bash"]).stdout();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    // Other shells may be missing on the machine; `bash -n` parses without running.
    let bash = std::process::Command::new("bash")
        .arg("-n")
        .arg(file.path())
        .output();
    let bash = bash.expect("this test needs bash");
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
}

#[test]
fn man_prints_the_page_of_isolate() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["man"]);
    assert_eq!((ended.code(), ended.stderr().as_str()), (Some(0), ""));
    let page = ended.stdout();
    assert!(page.contains(".TH isolate 1"), "{page}");
    for command in COMMANDS {
        assert!(
            page.contains(&format!("isolate\\-{command}(1)")),
            "{command}: {page}"
        );
    }
}

#[test]
fn man_writes_a_page_for_every_command() {
    let workspace = Workspace::new();
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("share/man1");
    let ended = workspace.isolate(&["man", "--dir", pages.to_str().unwrap()]);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let commands = COMMANDS.map(|command| format!("isolate-{command}.1"));
    let fixtures = FIXTURES.map(|command| format!("isolate-fixtures-{command}.1"));
    let written: Vec<String> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for page in commands.iter().chain(&fixtures) {
        assert!(written.contains(page), "{page} is missing: {written:?}");
    }
    // A subcommand has a page beside that of its command.
    for page in &written {
        let name = page.strip_suffix(".1").unwrap();
        let parent = name.rsplit_once('-').map_or("isolate", |(parent, _)| parent);
        assert!(written.contains(&format!("{parent}.1")), "{page}: {written:?}");
    }
    let run = std::fs::read_to_string(pages.join("isolate-run.1")).unwrap();
    assert!(run.contains("Mount a file or directory of this machine"), "{run}");
}

#[test]
fn man_reports_a_directory_that_cannot_be_written() {
    let workspace = Workspace::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let ended = workspace.isolate(&["man", "--dir", file.path().to_str().unwrap()]);
    assert_eq!(ended.code(), Some(125));
    assert!(
        ended.stderr().contains("cannot write the manual pages to"),
        "{}",
        ended.stderr()
    );
}
