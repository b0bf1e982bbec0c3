//! Python interpreters of this machine: each candidate is run, because a name says little.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run::run;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;

/// How long a candidate may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Prints the answer as JSON on one line. `-I` and `-S` keep the caller's variables and
/// `site-packages` out.
pub(super) const QUESTION: &str = r#"
import json, platform, sys, sysconfig
scheme = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
base = {"base": "{base}", "platbase": "{base}", "installed_base": "{base}"}
print(json.dumps({
    "version": list(sys.version_info),
    "implementation": platform.python_implementation(),
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "prefix": sys.base_prefix,
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "packages": sysconfig.get_path("purelib", scheme, base),
}))
"#;

/// A Python interpreter that has been run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Interpreter {
    pub(super) version: Version,
    /// `CPython`, `PyPy`, `GraalVM`.
    pub(super) implementation: String,
    /// The program itself, not one of a virtual environment.
    pub(super) executable: PathBuf,
    pub(super) free_threaded: bool,
    /// The directory of packages in a virtual environment, relative to it.
    pub(super) packages: PathBuf,
}

/// The version of an interpreter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) numbers: [u32; 3],
    /// `rc1`, or nothing.
    pub(super) pre_release: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}{}", self.pre_release)
    }
}

impl FromStr for Version {
    type Err = Error;

    /// Reads `3.11.7`, `3.14.0rc1` or `3.14.0.candidate.1`.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::Corrupt, format!("{text:?} is not a Python version"));
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
        let mut numbers = numbers.split('.').filter(|number| !number.is_empty());
        let mut number = || numbers.next().map_or(Ok(0), |n| n.parse().map_err(|_| invalid()));
        let numbers = [number()?, number()?, number()?];
        let pre_release = match rest.split_once('.') {
            Some(("final", _)) => String::new(),
            Some((level, serial)) => pre_release(level, serial),
            None => rest.to_owned(),
        };
        match numbers[0] {
            0 => Err(invalid()),
            _ => Ok(Self { numbers, pre_release }),
        }
    }
}

fn pre_release(level: &str, serial: impl fmt::Display) -> String {
    match level {
        "alpha" => format!("a{serial}"),
        "beta" => format!("b{serial}"),
        "candidate" => format!("rc{serial}"),
        _ => String::new(),
    }
}

/// The answer of a candidate.
#[derive(Deserialize)]
struct Answer {
    version: (u32, u32, u32, String, u32),
    implementation: String,
    executable: PathBuf,
    free_threaded: bool,
    packages: String,
}

impl Interpreter {
    /// Runs a candidate and reads what it reports.
    pub(super) fn ask(candidate: &Path) -> std::result::Result<Self, String> {
        let text = answer(candidate)?;
        // A shim may print other lines before.
        let last = text.lines().rev().find(|line| line.starts_with('{'));
        let answer: Answer = last
            .and_then(|line| serde_json::from_str(line).ok())
            .ok_or("it is not a Python interpreter: its answer is not valid")?;
        let (major, minor, patch, level, serial) = answer.version;
        let packages = answer.packages.strip_prefix("{base}/").map(PathBuf::from);
        let found = Self {
            version: Version {
                numbers: [major, minor, patch],
                pre_release: pre_release(&level, serial),
            },
            implementation: answer.implementation,
            executable: answer.executable,
            free_threaded: answer.free_threaded,
            packages: packages.ok_or("its directory of packages is not in its environment")?,
        };
        match found.executable.is_absolute() && found.executable.is_file() {
            true => Ok(found),
            false => Err(format!(
                "its program {} does not exist",
                found.executable.display()
            )),
        }
    }

    /// An interpreter for tests.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            version: Version {
                numbers: [3, 11, 7],
                pre_release: String::new(),
            },
            implementation: "CPython".into(),
            executable: "/usr/bin/python3.11".into(),
            free_threaded: false,
            packages: "lib/python3.11/site-packages".into(),
        }
    }
}

/// The programs that may be interpreters, without repetitions: on the PATH, of uv, of pyenv.
pub(super) fn candidates() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let below_home = |name: &str, path: &str| variable(name).map_or_else(|| home.join(path), PathBuf::from);
    let path = variable("PATH").unwrap_or_default();
    let mut all = Vec::new();
    let directories: Vec<_> = std::env::split_paths(&path)
        .filter(|one| one.is_absolute())
        .collect();
    for directory in &directories {
        // The usual names first: for the default request the first one wins.
        all.extend(["python3", "python"].map(|name| directory.join(name)));
    }
    for directory in &directories {
        all.extend(programs(directory, is_versioned));
    }
    for versions in [
        below_home("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
        below_home("PYENV_ROOT", ".pyenv").join("versions"),
    ] {
        all.extend(
            programs(&versions, |_| true)
                .into_iter()
                .map(|one| one.join("bin/python3")),
        );
    }
    let mut seen = Vec::new();
    all.retain(|candidate| {
        let Ok(real) = candidate.canonicalize() else {
            return false;
        };
        // A shim decides by its name.
        let key = (real, candidate.file_name().map(ToOwned::to_owned));
        let is_new = candidate.is_file() && !seen.contains(&key);
        seen.push(key);
        is_new
    });
    all
}

/// The version that the name of a program or of its installation claims. To run each of twenty
/// interpreters takes a second.
pub(super) fn claimed(candidate: &Path) -> Option<(u32, u32)> {
    let program = candidate.file_name()?.to_str()?;
    let installation = || candidate.parent()?.parent()?.file_name()?.to_str();
    let prefixes = ["cpython-", "graalpy-", "python", "pypy", ""];
    [Some(program), installation()]
        .into_iter()
        .flatten()
        .find_map(|name| {
            let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
            // Other names hold other numbers: `miniconda3-24.5`, `tf2.15`.
            let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
            let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            [2, 3].contains(&major).then_some((major, minor))
        })
}

/// The entries of a directory with a suitable name, sorted; none if it cannot be read.
fn programs(directory: &Path, suits: fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let suitable = entries.filter(|entry| entry.file_name().to_str().is_some_and(suits));
    let mut paths: Vec<_> = suitable.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Whether this is the name of a program such as `python3.11` or `pypy3`.
fn is_versioned(name: &str) -> bool {
    ["python", "pypy", "graalpy"].iter().any(|prefix| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            rest.starts_with('3')
                && rest
                    .trim_end_matches('t')
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b == b'.')
        })
    })
}

fn answer(candidate: &Path) -> std::result::Result<String, String> {
    let kept = ["PATH", "HOME", "PYENV_ROOT"];
    let kept = kept
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(candidate);
    command.args(["-I", "-S", "-c", QUESTION]).env_clear().envs(kept);
    let finished = run(&mut command, TIMEOUT, &Stop::default())?;
    if !finished.status.success() {
        return Err(format!("it is not a Python interpreter: {}", finished.status));
    }
    let text = String::from_utf8(finished.stdout);
    text.map_err(|_| "it is not a Python interpreter: its answer is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("python3");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        directory
    }

    #[test]
    fn candidate_that_lies_is_rejected_with_a_reason() {
        let lie =
            r#"{"version": [3, 11, 7, "final", 0], "implementation": "CPython", "executable": "/no/python",
            "free_threaded": false, "packages": "{base}/lib/python3.11/site-packages"}"#
                .replace('\n', "");
        for (text, why) in [
            ("#!/bin/sh\nexit 3\n", "exit status: 3"),
            ("#!/bin/sh\necho Python 3.11\n", "not valid"),
            ("#!/bin/sh\nprintf '\\377\\376'\n", "not text"),
            (&format!("#!/bin/sh\necho '{lie}'\n"), "/no/python does not exist"),
            ("#!/no/such/program\n", "cannot be run"),
        ] {
            let directory = script(text);
            let error = Interpreter::ask(&directory.path().join("python3")).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(
            Interpreter::ask(Path::new("/etc/passwd"))
                .unwrap_err()
                .contains("cannot be run")
        );
    }

    #[test]
    fn version_is_read_from_every_form() {
        for (text, shown) in [
            ("3.11", "3.11.0"),
            ("3.11.7", "3.11.7"),
            ("3.11.7.final.0", "3.11.7"),
            ("3.14.0.candidate.1", "3.14.0rc1"),
            ("3.14.0rc1", "3.14.0rc1"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), shown);
        }
        "x".parse::<Version>().unwrap_err();
        for (path, version) in [
            ("/usr/bin/python3.12", Some((3, 12))),
            ("/usr/bin/python3", None),
            ("/home/me/.pyenv/versions/3.9.18/bin/python3", Some((3, 9))),
            ("/uv/cpython-3.13.1-linux-x86_64-gnu/bin/python3", Some((3, 13))),
            ("/usr/bin/pypy3", None),
            ("/conda/envs/tf2.15/bin/python3", None),
            ("/home/me/.pyenv/versions/miniconda3-24.5.0-0/bin/python3", None),
        ] {
            assert_eq!(claimed(Path::new(path)), version, "{path}");
        }
        assert!(
            ["python3.11", "python3", "pypy3.10", "python3.13t"]
                .iter()
                .all(|name| is_versioned(name))
        );
        assert!(
            !["python3-config", "python3.11-config", "python2.7"]
                .iter()
                .any(|name| is_versioned(name))
        );
    }
}
