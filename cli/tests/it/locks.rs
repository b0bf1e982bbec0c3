//! `isolate lock`, and `isolate run --locked` with packages that were added to an environment.

use std::path::Path;
use std::process::Command;

use crate::support::{Ended, Workspace};

/// Writes wheels: a newer version of a package, and one that needs the older.
const WHEELS: &str = "import os, zipfile
os.mkdir('wheels')
for name, version, need in [('probe_base', '1.0', ''), ('probe_base', '2.0', ''),
                            ('probe_top', '1.0', 'Requires-Dist: probe-base<2\\n')]:
    info = f'{name}-{version}.dist-info'
    files = {
        f'{name}.py': f'VERSION = {version!r}\\n',
        f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{need}',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
    }
    files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(f'wheels/{name}-{version}-py3-none-any.whl', 'w') as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
";

/// A command that keeps the templates of virtual environments for the next test.
fn command(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.command(arguments);
    command
        .env(
            "XDG_CACHE_HOME",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        )
        .current_dir(workspace.home());
    command
}

fn isolate(workspace: &Workspace, arguments: &[&str]) -> Ended {
    Ended::of(&mut command(workspace, arguments))
}

/// The output of a command, which must succeed.
fn printed(workspace: &Workspace, arguments: &[&str]) -> String {
    let ended = isolate(workspace, arguments);
    assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
    ended.stdout().trim().to_owned()
}

#[test]
fn run_installs_the_packages_of_a_lock() {
    let workspace = Workspace::new();
    if !Command::new("python3")
        .arg("-V")
        .output()
        .is_ok_and(|told| told.status.success())
    {
        eprintln!("skipped: there is no Python");
        return;
    }
    let run = |arguments: &[&str]| printed(&workspace, arguments);
    run(&["create", "--engine", "virtualenv", "--start", "--name", "first"]);
    run(&["exec", "first", "--", "python", "-c", WHEELS]);
    run(&[
        "packages",
        "install",
        "first",
        "--no-index",
        "--find-links",
        "./wheels",
        "probe-top",
    ]);
    run(&["lock", "first", "--output", "lock.json"]);
    run(&["cp", "first:wheels", "."]);
    run(&["rm", "--force", "first"]);

    let (lock, links) = (
        workspace.home().join("lock.json"),
        workspace.home().join("wheels"),
    );
    let lock = lock.to_str().unwrap();
    let start = ["run", "--engine", "virtualenv", "--locked", lock, "--no-index"];
    let start = [&start[..], &["--find-links", links.to_str().unwrap(), "--"]].concat();
    let show = [
        "python",
        "-c",
        "import probe_base, probe_top; print(probe_base.VERSION)",
    ];
    assert_eq!(run(&[&start[..], &show].concat()), "1.0");

    let mark = workspace.home().join("ran");
    let touch = [&start[..], &["touch", mark.to_str().unwrap()]].concat();
    let text = std::fs::read_to_string(lock).unwrap();
    // Another interpreter, another version, another archive: the command never runs.
    std::fs::write(lock, text.replace("CPython 3", "CPython 9")).unwrap();
    let ended = isolate(&workspace, &touch);
    assert!(
        ended
            .stderr()
            .contains("differs from its lock: the interpreter is"),
        "{}",
        ended.stderr()
    );
    std::fs::write(lock, text.replace("\"1.0\"", "\"1.5\"")).unwrap();
    let ended = isolate(&workspace, &touch);
    assert!(ended.stderr().contains("1.5"), "{}", ended.stderr());
    assert_ne!(ended.code(), Some(0));
    std::fs::write(lock, &text).unwrap();
    let archive = links.join("probe_base-1.0-py3-none-any.whl");
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes.extend_from_slice(b"tampered");
    std::fs::write(&archive, bytes).unwrap();
    let ended = isolate(&workspace, &touch);
    assert!(
        ended.stderr().to_lowercase().contains("hash"),
        "{}",
        ended.stderr()
    );
    assert_ne!(ended.code(), Some(0));
    assert!(!mark.exists(), "the command has run");
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
    assert!(workspace.journal().is_empty(), "{:?}", workspace.journal());
}

#[test]
fn sources_of_packages_need_a_lock() {
    let workspace = Workspace::basic();
    for options in [
        &["--no-index"][..],
        &["--find-links", "/x"],
        &["--index", "https://h/"],
    ] {
        let ended = workspace.isolate(&[&["run"], options, &["--", "true"]].concat());
        assert_eq!(ended.code(), Some(125), "{}", ended.stderr());
        assert!(ended.stderr().contains("--locked"), "{}", ended.stderr());
    }
}
