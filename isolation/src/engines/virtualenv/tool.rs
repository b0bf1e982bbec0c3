//! Creates a virtual environment with the tool that is there: `venv` of the interpreter, uv, or
//! virtualenv.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::NAME;
use super::interpreter::Interpreter;
use super::run::run;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::remove_tree::remove_tree;

/// How long one step may take: ensurepip reads and writes some thousand files.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Puts the code of pip into one file.
const PACK_PIP: &str = include_str!("pack_pip.py");

/// Creates a virtual environment at a path where nothing is, with pip if it is wanted and the
/// interpreter brings it. This blocks. After an error nothing is left.
pub(super) fn create(environment: &Path, interpreter: &Interpreter, pip: bool, stop: &Stop) -> Result<()> {
    let mut failed = Vec::new();
    for argv in tools(&interpreter.executable, environment) {
        let tool = argv[..argv.len() - 1].iter().map(|word| word.to_string_lossy());
        let tool = tool.collect::<Vec<_>>().join(" ");
        match step(&argv, stop) {
            Ok(()) if pip => {
                add_pip(environment, stop)?;
                return pack_pip(environment, &interpreter.packages, stop);
            }
            Ok(()) => return Ok(()),
            Err(why) => failed.push(format!("{tool}: {why}")),
        }
        remove_tree(environment).map_err(|e| Error::io("remove", environment, e))?;
        stop.check()?;
    }
    let why = failed.join("; ");
    Err(Error::unavailable(
        NAME,
        format!("no tool can create a virtual environment: {why}"),
        format!(
            "install the module venv of Python {} (on Debian: the package python3-venv), uv or virtualenv",
            interpreter.version
        ),
    ))
}

/// The commands that are tried. None of them may install an interpreter, or ask an index.
fn tools<'a>(python: &'a Path, target: &'a Path) -> [Vec<&'a OsStr>; 3] {
    // An interpreter by its whole path: uv would otherwise decide by its own configuration.
    let uv = [
        "uv",
        "venv",
        "--no-config",
        "--no-project",
        "--no-python-downloads",
        "--quiet",
        "--python",
    ];
    let virtualenv = [
        "virtualenv",
        "--quiet",
        "--no-download",
        "--no-periodic-update",
        "--python",
    ];
    let (python, target) = (python.as_os_str(), target.as_os_str());
    let with_python = |words: &[&'static str]| {
        let words = words.iter().map(|word| OsStr::new(*word));
        words.chain([python, target]).collect::<Vec<_>>()
    };
    let venv = ["-I", "-m", "venv", "--without-pip"].map(OsStr::new);
    [
        [&[python][..], &venv, &[target]].concat(),
        with_python(&uv),
        with_python(&virtualenv),
    ]
}

/// Installs the pip that the interpreter brings. Distributions leave it out; commands that need no
/// pip run without.
fn add_pip(environment: &Path, stop: &Stop) -> Result<()> {
    let pip = environment.join("bin/pip");
    let python = environment.join("bin/python");
    if pip.exists() {
        return Ok(());
    }
    let has_it = ["-I", "-c", "import ensurepip; ensurepip.version()"].map(OsStr::new);
    if step(&[&[python.as_os_str()][..], &has_it].concat(), stop).is_err() {
        return Ok(());
    }
    let install = ["-I", "-m", "ensurepip", "--default-pip"].map(OsStr::new);
    step(&[&[python.as_os_str()][..], &install].concat(), stop).map_err(|why| {
        Error::engine(
            NAME,
            format!("pip cannot be installed from Python's own copy: {why}"),
        )
    })
}

/// Puts the code of pip into one file, and removes what was installed beside it: an environment of
/// Python 3.12 has only pip, and those of other versions are like it.
fn pack_pip(environment: &Path, packages: &Path, stop: &Stop) -> Result<()> {
    let python = environment.join("bin/python");
    let packages = environment.join(packages);
    let run = |words: &[&OsStr]| {
        step(&[&[python.as_os_str()], words].concat(), stop)
            .map_err(|why| Error::engine(NAME, format!("pip cannot be set up: {why}")))
    };
    if packages.join("setuptools").exists() {
        let remove = [
            "-I",
            "-m",
            "pip",
            "uninstall",
            "--yes",
            "--quiet",
            "setuptools",
            "wheel",
        ];
        run(&remove.map(OsStr::new))?;
    }
    let script = ["-I", "-c", PACK_PIP].map(OsStr::new);
    run(&[&script[..], &[packages.as_os_str()]].concat())
}

/// Runs a tool without the caller's variables, which could change what it does.
fn step(argv: &[&OsStr], stop: &Stop) -> std::result::Result<(), String> {
    let mut command = Command::new(argv[0]);
    command
        .args(&argv[1..])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(std::env::var_os("TMPDIR").map(|path| ("TMPDIR", path)))
        .env("PIP_CONFIG_FILE", "/dev/null")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        // Nothing of a user is read or written.
        .env("HOME", "/nonexistent");
    let finished = run(&mut command, TIMEOUT, stop)?;
    match finished.status.success() {
        true => Ok(()),
        false => Err(format!("{}: {}", finished.status, finished.last_lines())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn tools_never_install_an_interpreter() {
        let [_, uv, virtualenv] = tools(Path::new("/usr/bin/python3"), Path::new("/tmp/new"));
        for word in [
            "--no-python-downloads",
            "--no-config",
            "--no-project",
            "/usr/bin/python3",
        ] {
            assert!(uv.contains(&OsStr::new(word)), "{uv:?}");
        }
        for word in ["--no-download", "/usr/bin/python3"] {
            assert!(virtualenv.contains(&OsStr::new(word)), "{virtualenv:?}");
        }
    }

    /// As where a distribution has the module `venv` in another package: it fails halfway.
    #[test]
    fn creation_that_fails_leaves_no_directory() {
        let directory = tempfile::tempdir().unwrap();
        let python = directory.path().join("python");
        let target = directory.path().join("new");
        let script = format!(
            "#!/bin/sh\nmkdir -p '{}/bin'\necho first\necho 'ensurepip is not available' >&2\nexit 1\n",
            target.display()
        );
        // By another process: one that a test forks meanwhile would have the file open.
        let written = Command::new("sh")
            .args([
                "-c",
                "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"",
                "sh",
                &script,
            ])
            .arg(&python)
            .status();
        assert!(written.unwrap().success());
        let interpreter = Interpreter {
            executable: python,
            ..Interpreter::sample()
        };
        let error = create(&target, &interpreter, true, &Stop::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        for part in [
            "ensurepip is not available",
            "python3-venv",
            "uv or virtualenv",
            "3.11.7",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!target.exists(), "something is left");
    }
}
