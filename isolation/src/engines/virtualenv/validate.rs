//! Compares a virtual environment with the paths and the version that it has noted.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::known::Known;
use super::problem::VirtualenvProblem;
use super::pyvenv_cfg::PyvenvCfg;
use super::{DIRECTORY, scripts};
use crate::error::{Error, ErrorKind, Result};

/// How much of a script is read to find its interpreter.
const FIRST_LINES: u64 = 4 << 10;

/// The problems of the virtual environment at this real path. This blocks.
pub(super) fn validate(environment: &Path, known: &Known) -> Result<Vec<VirtualenvProblem>> {
    let file = PyvenvCfg::read(environment)?;
    let mut problems: Vec<_> = place(environment, &file)?.into_iter().collect();
    problems.extend(interpreter(environment, &file, known));
    Ok(problems)
}

/// Fails if the environment cannot be used.
pub(super) fn check(environment: &Path, known: &Known) -> Result<()> {
    let problems = validate(environment, known)?;
    match problems.into_iter().find(VirtualenvProblem::is_broken) {
        Some(problem) => {
            let why = format!("{problem}; {}", problem.hint());
            Err(Error::new(ErrorKind::Corrupt, why))
        }
        None => Ok(()),
    }
}

/// A moved environment works silently with the files of the old path, so each kind of file that
/// names it is compared.
fn place(environment: &Path, file: &PyvenvCfg) -> Result<Option<VirtualenvProblem>> {
    let activate = environment.join("bin/activate");
    let text = match fs::read(&activate) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read.map_err(|e| Error::io("read", &activate, e))?,
    };
    let recorded = [
        activated(&text),
        file.get("command").and_then(created),
        first_script(environment)?,
    ];
    let mut recorded = recorded.into_iter().flatten().peekable();
    let is_movable = file.get("relocatable") == Some("true");
    if recorded.peek().is_none() && !is_movable {
        let path = environment.to_owned();
        return Ok(Some(VirtualenvProblem::NotCreatedHere { path }));
    }
    let moved = recorded.find(|path| path != environment);
    Ok(moved.map(|from| VirtualenvProblem::Moved {
        from,
        to: environment.to_owned(),
    }))
}

/// The path in the script that activates an environment in a shell.
fn activated(text: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(text);
    text.lines().find_map(|line| {
        let line = line.trim().trim_start_matches("export ");
        let path = line.strip_prefix("VIRTUAL_ENV=")?.trim_matches(['"', '\'']);
        path.starts_with('/').then(|| path.into())
    })
}

/// The path in the command that `venv` has noted, which may hold blanks.
fn created(command: &str) -> Option<PathBuf> {
    let end = command.strip_suffix(DIRECTORY)?.ends_with('/');
    let start = command.rfind(" /").filter(|_| end)?;
    // A blank before a slash in the path itself is no other path.
    let options = command[..start].rfind(" --").map_or(0, |at| at + 1);
    let start = command[options..].find(" /").map_or(start, |at| options + at);
    Some(command[start + 1..].into())
}

/// The environment of the first script that a virtual environment like this one has started.
fn first_script(environment: &Path) -> Result<Option<PathBuf>> {
    let bin = environment.join("bin");
    let failed = |error| Error::io("list", &bin, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&bin).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths.iter().find_map(|path| {
        let mut start = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(FIRST_LINES).read_to_end(&mut start))
            .ok()?;
        let program = scripts::interpreter(&start)?;
        let from = program.parent()?.parent()?;
        from.ends_with(DIRECTORY).then(|| from.to_owned())
    }))
}

fn interpreter(environment: &Path, file: &PyvenvCfg, known: &Known) -> Option<VirtualenvProblem> {
    let link = environment.join("bin/python");
    // The base itself: all environments of it share one answer.
    let Ok(program) = link.canonicalize() else {
        return Some(VirtualenvProblem::InterpreterGone {
            program: fs::read_link(&link).unwrap_or(link),
            home: file.home().unwrap_or_default(),
        });
    };
    let recorded = file.version()?;
    let actual = match known.ask(&program) {
        Ok(found) => found.version,
        Err(reason) => return Some(VirtualenvProblem::InterpreterBroken { program, reason }),
    };
    let texts = |recorded: &super::interpreter::Version| (recorded.to_string(), actual.to_string());
    let (recorded_text, actual_text) = texts(&recorded);
    if recorded.numbers[..2] != actual.numbers[..2] {
        return Some(VirtualenvProblem::OtherVersion {
            recorded: recorded_text,
            actual: actual_text,
        });
    }
    (file.has_patch_version() && recorded != actual).then_some(VirtualenvProblem::NewPatch {
        recorded: recorded_text,
        actual: actual_text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment whose interpreter is a shell.
    fn environment(version: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("bin")).unwrap();
        let text = format!("home = /usr/bin\n{version}\n");
        fs::write(directory.path().join("pyvenv.cfg"), text).unwrap();
        std::os::unix::fs::symlink("/bin/sh", directory.path().join("bin/python")).unwrap();
        directory
    }

    fn problems(environment: &Path) -> Vec<String> {
        let found = validate(environment, &Known::default()).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn moved_environment_names_both_paths() {
        let made = environment("");
        let here = made.path();
        let write = |name: &str, text: &str| fs::write(here.join(name), text).unwrap();
        assert!(
            problems(here)[0].contains("not created at"),
            "{:?}",
            problems(here)
        );
        for (name, text, from) in [
            ("bin/activate", "VIRTUAL_ENV=\"/old/env\"\n", "/old/env"),
            ("bin/activate", "    export VIRTUAL_ENV='/old/env'\n", "/old/env"),
            ("bin/tool", "#!/old a/.venv/bin/python3\n", "/old a/.venv"),
            (
                "bin/tool",
                "#!/bin/sh\n'''exec' \"/old/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n",
                "/old/.venv",
            ),
            (
                "pyvenv.cfg",
                "command = /usr/bin/python3 -m venv --without-pip /old a /b/.venv\n",
                "/old a /b/.venv",
            ),
            (
                "pyvenv.cfg",
                "command = /usr/bin/python3 -m venv /old/.venv\n",
                "/old/.venv",
            ),
        ] {
            write(name, text);
            let expected = format!("was moved from {from} to {}", here.display());
            assert!(problems(here)[0].ends_with(&expected), "{:?}", problems(here));
            let error = check(here, &Known::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("isolate repair"), "{error}");
            fs::remove_file(here.join(name)).unwrap();
            write("pyvenv.cfg", "home = /usr/bin\n");
        }
        write("bin/activate", &format!("VIRTUAL_ENV={}\n", here.display()));
        // A script of another interpreter, which a user has put there.
        write("bin/mine", "#!/usr/bin/python3\n");
        assert!(problems(here).is_empty(), "{:?}", problems(here));
        fs::remove_file(here.join("bin/activate")).unwrap();
        write("pyvenv.cfg", "home = /usr/bin\nrelocatable = true\n");
        assert!(problems(here).is_empty(), "{:?}", problems(here));
    }

    #[test]
    fn interpreter_that_is_gone_or_another_is_reported() {
        let made = environment("relocatable = true\nversion = 3.1.0");
        assert!(
            problems(made.path())[0].contains("does not run"),
            "{:?}",
            problems(made.path())
        );
        fs::remove_file(made.path().join("bin/python")).unwrap();
        std::os::unix::fs::symlink("/no/such/python", made.path().join("bin/python")).unwrap();
        assert_eq!(
            problems(made.path()),
            ["the base interpreter /no/such/python in /usr/bin is gone"]
        );
    }
}
