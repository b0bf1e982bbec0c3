//! Runs every entry point of a virtual environment as far as its interpreter, to prove that it uses
//! this environment.
//!
//! The kernel reads the first lines of each script and starts the interpreter that they name. A
//! module `sitecustomize` of ours then prints the prefix and ends the interpreter: the program
//! itself does not run, so that it has no effect.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::run::run;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::remove_tree::remove_tree;

/// How long an interpreter may take to start.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How much of a script is read to find its interpreter.
const START: u64 = 1024;

/// The most entry points that run at the same time.
const THREADS: usize = 4;

const MARK: &str = "isolate-prefix:";

/// Ends the interpreter before the script begins.
const MODULE: &str = r#"
import os, sys
os.write(1, ("isolate-prefix:" + sys.prefix + "\n").encode("utf-8", "surrogateescape"))
os._exit(0)
"#;

/// Prints the prefix, for an interpreter that ignores the module.
const QUESTION: &str = r#"import sys; print("isolate-prefix:" + sys.prefix)"#;

/// Runs the entry points; returns those that do not use this environment, and why. `scratch` is a
/// path where nothing is. This blocks.
pub(super) fn run_entry_points(environment: &Path, scratch: &Path, stop: &Stop) -> Result<Vec<String>> {
    let made = DirBuilder::new().mode(0o700).create(scratch);
    made.map_err(|e| Error::io("create the directory", scratch, e))?;
    let module = scratch.join("sitecustomize.py");
    let outcome = fs::write(&module, MODULE)
        .map_err(|e| Error::io("write", &module, e))
        .and_then(|()| run_all(environment, scratch, stop));
    remove_tree(scratch).map_err(|e| Error::io("remove", scratch, e))?;
    outcome
}

fn run_all(environment: &Path, scratch: &Path, stop: &Stop) -> Result<Vec<String>> {
    let bin = environment.join("bin");
    let mut scripts = vec![(bin.join("python"), None)];
    let failed = |error| Error::io("list", &bin, error);
    for entry in fs::read_dir(&bin).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let meta = path
            .symlink_metadata()
            .map_err(|e| Error::io("inspect", &path, e))?;
        if meta.is_file() && meta.permissions().mode() & 0o100 != 0 {
            if let Some(line) = python_line(&path)? {
                scripts.push((path, Some(line)));
            }
        }
    }
    scripts.sort();
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    let work = || {
        while let Some((script, line)) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.check().is_err() {
                return;
            }
            if let Err(why) = run_one(script, line.as_deref(), environment, scratch, stop) {
                let name = script.file_name().unwrap_or_default().to_string_lossy();
                let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
                broken.push(format!("{name} ({why})"));
            }
        }
    };
    // A start of Python takes longer than all the rest.
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(THREADS).min(scripts.len()) {
            scope.spawn(work);
        }
        work();
    });
    stop.check()?;
    let mut broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    broken.sort();
    Ok(broken)
}

/// The first line of a script of Python; `None` if it is another program.
fn python_line(script: &Path) -> Result<Option<String>> {
    let mut start = Vec::new();
    fs::File::open(script)
        .and_then(|file| file.take(START).read_to_end(&mut start))
        .map_err(|e| Error::io("read", script, e))?;
    let text = String::from_utf8_lossy(&start);
    let mut lines = text.lines();
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let is_python = first.starts_with("#!") && first.contains("python");
    // Two languages: `/bin/sh` starts the interpreter.
    let is_both = first == "#!/bin/sh" && second.starts_with("'''exec'");
    Ok((is_python || is_both).then(|| first.to_owned()))
}

fn run_one(
    script: &Path,
    line: Option<&str>,
    environment: &Path,
    scratch: &Path,
    stop: &Stop,
) -> std::result::Result<(), String> {
    // Options such as -I make the interpreter ignore the module, and the program would run.
    let with_options = line.and_then(|line| {
        let (program, options) = line.strip_prefix("#!")?.trim().split_once(" -")?;
        Some((PathBuf::from(program), format!("-{options}")))
    });
    let mut command = match (line, with_options) {
        (None, _) => {
            let mut command = Command::new(script);
            command.args(["-c", QUESTION]);
            command
        }
        (Some(_), Some((program, options))) => {
            let mut command = Command::new(program);
            command.args(options.split(' ')).args(["-c", QUESTION]);
            command
        }
        (Some(_), None) => Command::new(script),
    };
    command
        .env_clear()
        .env(
            "PATH",
            format!("{}/bin:/usr/local/bin:/usr/bin:/bin", environment.display()),
        )
        .env("PYTHONPATH", scratch)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HOME", scratch);
    let finished = run(&mut command, TIMEOUT, stop)?;
    let output = String::from_utf8_lossy(&finished.stdout).into_owned();
    let Some(prefix) = output.lines().find_map(|line| line.strip_prefix(MARK)) else {
        return Err(format!(
            "its interpreter does not start: {}",
            finished.last_lines()
        ));
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match real(Path::new(prefix)) == real(environment) {
        true => Ok(()),
        false => Err(format!("it uses {prefix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tool::testing;
    use super::*;
    use crate::files::copy::StopOnDrop;

    /// A program at this path. Another process writes it.
    fn program(path: &Path, script: &str) {
        let directory = tempfile::tempdir_in(path.parent().unwrap()).unwrap();
        fs::rename(testing::program(directory.path(), script), path).unwrap();
    }

    /// An interpreter that says that it uses this prefix.
    fn interpreter(path: &Path, prefix: &Path) {
        program(
            path,
            &format!("#!/bin/sh\necho 'isolate-prefix:{}'\n", prefix.display()),
        );
    }

    #[test]
    fn entry_point_of_another_interpreter_is_broken() {
        let directory = tempfile::tempdir().unwrap();
        let (environment, other) = (directory.path().join("own"), directory.path().join("other"));
        let bin = environment.join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir(&other).unwrap();
        interpreter(&bin.join("python"), &environment);
        interpreter(&other.join("python"), &other);
        program(
            &other.join("python-silent"),
            "#!/bin/sh\necho 'no module' >&2\nexit 3\n",
        );
        let scripts = [
            ("good", bin.join("python -I")),
            ("moved", other.join("python")),
            ("moved-too", other.join("python -I -B")),
            ("silent", other.join("python-silent")),
            ("gone", "/no/such/python".into()),
        ];
        for (name, program_of) in scripts {
            program(&bin.join(name), &format!("#!{}\n", program_of.display()));
        }
        // A program that is no script of Python is not run.
        program(&bin.join("other"), "#!/bin/sh\nexit 3\n");
        let scratch = directory.path().join("scratch");
        let broken = run_entry_points(&environment, &scratch, &Stop::default()).unwrap();
        let uses = format!("it uses {}", other.display());
        let names: Vec<_> = broken.iter().filter_map(|one| one.split(' ').next()).collect();
        assert_eq!(names, ["gone", "moved", "moved-too", "silent"], "{broken:?}");
        assert!(
            broken[1].contains(&uses) && broken[2].contains(&uses),
            "{broken:?}"
        );
        let silent = "its interpreter does not start: no module";
        assert!(broken[3].contains(silent), "{broken:?}");
        assert!(!scratch.exists());
        let stop = Stop::default();
        drop(StopOnDrop(stop.clone()));
        run_entry_points(&environment, &scratch, &stop).unwrap_err();
        assert!(!scratch.exists());
    }
}
