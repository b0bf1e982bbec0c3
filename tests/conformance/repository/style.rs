//! The rules of `CONTRIBUTING.md` that a program can check, on all sources and documents of the
//! repository.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a file.
const LINES: usize = 400;

/// The most columns of a line in a comment or a document.
const COLUMNS: usize = 100;

/// The most characters of a test's name.
const TEST_NAME: usize = 50;

/// Old public names, and the names that replace them. `CHANGELOG.md` may contain them.
const RENAMED: [(&str, &str); 45] = [
    ("engine_api::Limits", "Timeouts"),
    ("with_limits", "with_timeouts"),
    ("Docker::connect(", "Docker::with_address"),
    ("Docker::at(", "Docker::from_address"),
    ("Docker::context(", "Docker::from_context"),
    ("connect::survey", "connect::probe_all"),
    ("Candidate", "ProbedEndpoint"),
    ("Untrusted", "TlsError"),
    ("containers::Finished", "RunOutput"),
    ("stream_closed", "output_complete"),
    ("images().fetch", "images().pull_with_retry"),
    ("images().ensure", "images().pull_if_missing"),
    ("ensure_removed", "remove_and_wait"),
    ("Removal::InProgress", "RemoveOutcome::RemovedByOther"),
    ("containers::ContainerWait", "ContainerExit"),
    ("PutArchive", "UploadArchive"),
    ("error.on()", "error.subject()"),
    ("is_stale", "is_version_conflict"),
    ("ErrorKind::Input", "ErrorKind::UploadSource"),
    ("OperationFacts", "OperationInfo"),
    ("Heard", "EventOrGap"),
    ("system::Resume", "ReconnectOptions"),
    ("engine_api::Item", "StreamItem"),
    ("JsonLines::finish", "JsonLines::last"),
    ("Input::finish", "Input::close"),
    ("Chunk::Console", "Chunk::Terminal"),
    ("way_out", "hint"),
    ("engine_fixtures::Beside", "BodyFile"),
    ("made_up", "generated"),
    ("Recorder::harmless", "Recorder::not_secret"),
    ("keep_waits", "record_delays"),
    ("skip_waits", "skip_delays"),
    ("wait_for_others", "allow_concurrent_clients"),
    ("engine_fixtures::Drift", "VerifyReport"),
    ("Drifted", "ChangedExchange"),
    ("Mutated", "Faulty"),
    ("engine_fixtures::mutate", "faults"),
    ("--made-up", "--generated"),
    ("isolation::Limits", "ResourceLimits"),
    ("isolation::Source", "CopySource"),
    ("PassedOver", "RejectedEngine"),
    ("able_engines", "alternatives"),
    ("destroy_now", "destroy_blocking"),
    ("Received::Missed", "Lagged"),
    ("docker::Failure", "ContainerDiagnostics"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The Rust sources and the documents of the repository: the path from the root, and the text.
fn files() -> Vec<(String, String)> {
    let root = root();
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "recordings" {
                    directories.push(path);
                }
            } else if name.ends_with(".rs") || name.ends_with(".md") {
                let relative = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((relative.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 300, "only {} files were found", found.len());
    found.sort();
    found
}

/// Runs a check on every file, and fails with the list of everything it has found.
pub(super) fn check(rule: &str, find: impl Fn(&str, &str) -> Vec<String>) {
    let found: Vec<String> = files().iter().flat_map(|(path, text)| find(path, text)).collect();
    assert!(
        found.is_empty(),
        "{} findings; {rule}:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// The lines of a text, each with its place for a message.
pub(super) fn lines<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = (String, &'a str)> {
    (1..)
        .zip(text.lines())
        .map(move |(number, line)| (format!("{path}:{number}"), line))
}

#[test]
fn file_has_at_most_400_lines() {
    let mut found = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path.ends_with(".rs")) {
        let count = text.lines().count();
        if count > LINES {
            found.push(format!("{path}: {count} lines, at most {LINES} are allowed"));
        }
    }
    assert!(found.is_empty(), "split these files:\n{}", found.join("\n"));
}

/// Whether a line is of a table, a heading, or the target of a link.
fn may_be_wide(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches(['/', '!']).trim_start();
    text.starts_with('|') || text.starts_with('#') || (text.starts_with('[') && text.contains("]: "))
}

/// The columns of a line without the targets of its links.
fn columns(line: &str) -> usize {
    let mut columns = 0;
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        columns += rest[..at].chars().count();
        rest = &rest[at + 2..];
        rest = rest.find(')').map_or("", |end| &rest[end + 1..]);
    }
    columns + rest.chars().count()
}

fn wide_comments(path: &str, text: &str) -> Vec<String> {
    lines(path, text)
        .filter(|(_, line)| line.trim_start().starts_with("//") && !may_be_wide(line))
        .filter(|(_, line)| columns(line) > COLUMNS)
        .map(|(place, line)| format!("{place}: {} columns", columns(line)))
        .collect()
}

fn wide_prose(path: &str, text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (place, line) in lines(path, text) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code && !may_be_wide(line) && columns(line) > COLUMNS {
            found.push(format!("{place}: {} columns", columns(line)));
        }
    }
    found
}

#[test]
fn prose_has_at_most_100_columns() {
    check("wrap these lines", |path, text| match path.ends_with(".md") {
        true => wide_prose(path, text),
        false => wide_comments(path, text),
    });
}

/// The names of the functions that are marked as tests.
fn test_names<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = (String, &'a str)> {
    let mut is_marked = false;
    lines(path, text).filter_map(move |(place, line)| {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_marked = true;
            return None;
        }
        let (_, rest) = line.split_once("fn ")?;
        let name = rest.split(['(', '<']).next()?;
        std::mem::take(&mut is_marked).then_some((place, name))
    })
}

#[test]
fn test_name_has_at_most_50_characters() {
    check("shorten these names", |path, text| {
        test_names(path, text)
            .filter(|(_, name)| name.len() > TEST_NAME)
            .map(|(place, name)| format!("{place}: {name} has {} characters", name.len()))
            .collect()
    });
}

/// Whether a line cites a numbered fact of a document that is not in the repository: a letter and
/// two digits behind a parenthesis.
fn cites_a_fact(line: &str) -> bool {
    let is_number = |text: &str| {
        let text = text.as_bytes();
        text.len() >= 3
            && b"AEPS".contains(&text[0])
            && text[1..3].iter().all(u8::is_ascii_digit)
            && !text.get(3).is_some_and(u8::is_ascii_alphanumeric)
    };
    line.contains(concat!("wire", " fact ")) || line.split('(').skip(1).any(is_number)
}

#[test]
fn text_cites_no_fact_number() {
    check("state the fact itself", |path, text| {
        lines(path, text)
            .filter(|(_, line)| cites_a_fact(line))
            .map(|(place, line)| format!("{place}: {}", line.trim()))
            .collect()
    });
}

/// Whether `name` occurs in a line, and not as a part of a longer name.
fn has_name(line: &str, name: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let open = name.ends_with('(');
        !is_part(before.chars().next_back()) && (open || !is_part(after.chars().next()))
    })
}

#[test]
fn old_public_names_are_gone() {
    check("use the new names", |path, text| {
        if path == "CHANGELOG.md" || path.ends_with("repository/style.rs") {
            return Vec::new();
        }
        lines(path, text)
            .flat_map(|(place, line)| {
                let old = RENAMED.iter().filter(move |(old, _)| has_name(line, old));
                old.map(move |(old, new)| format!("{place}: {old} is now {new}"))
            })
            .collect()
    });
}

/// The paths in backticks: text with a slash and without spaces, patterns or placeholders in
/// capitals.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.filter(|span| {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let is_placeholder = |part: &str| part.len() > 2 && part.chars().all(|c| c.is_ascii_uppercase());
        let mut parts = span.split(['/', '.']);
        span.contains('/') && span.chars().all(is_path) && !parts.any(is_placeholder)
    })
}

#[test]
fn paths_in_contributing_exist() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (found, missing): (Vec<_>, Vec<_>) = paths(&text).partition(|path| root().join(path).exists());
    assert!(
        missing.is_empty(),
        "CONTRIBUTING.md names missing files: {missing:?}"
    );
    assert!(found.len() > 10, "CONTRIBUTING.md names only {found:?}");
}

#[test]
fn rules_find_what_they_forbid() {
    let wide = format!("// {}", "x".repeat(COLUMNS));
    assert_eq!(wide_comments("a.rs", &wide).len(), 1);
    assert_eq!(wide_comments("a.rs", &wide.replace("// ", "//! | ")).len(), 0);
    assert_eq!(wide_prose("a.md", &format!("```\n{wide}\n```\n{wide}")).len(), 1);
    assert_eq!(
        columns("see [this](https://example.com) page"),
        "see [this page".len()
    );
    let marked = "#[test]\nfn a() {}\nfn b() {}\n#[tokio::test(start_paused = true)]\nasync fn c() {}";
    let names: Vec<_> = test_names("a.rs", marked).map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "c"]);
    assert!(cites_a_fact(concat!("two numbers (", "A01, A02)")));
    assert!(!cites_a_fact("on paper (A4), with (A11y)"));
    assert!(has_name("is_stale()", "is_stale") && !has_name("is_stale_file", "is_stale"));
    assert!(has_name("Docker::at(address)", "Docker::at(") && !has_name("Docker::attach(", "Docker::at("));
    let found: Vec<_> = paths("see `a/b.rs`, `a b/c`, `x/NAME.rs` and `d/`").collect();
    assert_eq!(found, ["a/b.rs", "d/"]);
}

/// `.cargo/config.toml` sets the directory. Without it, tests would write to the journal of the
/// user, read it, and remove what is left of the user's own environments.
#[test]
fn journal_of_tests_is_not_that_of_the_user() {
    let directory = std::env::var_os("ISOLATE_STATE_DIR").map(PathBuf::from);
    let directory = directory.filter(|directory| directory.is_absolute());
    let directory = directory.expect("run the tests with cargo: it sets ISOLATE_STATE_DIR");
    let usual = [("XDG_STATE_HOME", "isolate"), ("HOME", ".local/state/isolate")];
    for (variable, below) in usual {
        let usual = std::env::var_os(variable).map(|value| Path::new(&value).join(below));
        assert_ne!(usual.as_ref(), Some(&directory), "{variable}");
    }
}
