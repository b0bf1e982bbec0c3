//! Creates a virtual environment with the tool that is there: `venv` of the interpreter, uv, or
//! virtualenv.

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
    let python = &interpreter.executable;
    let target = environment.as_os_str();
    let mut failed = Vec::new();
    let venv = [python.as_os_str(), "-I".as_ref(), "-m".as_ref(), "venv".as_ref()];
    let without_pip = ["--without-pip".as_ref(), target];
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
    let with_python = |words: &[&'static str]| {
        let words = words.iter().map(|word| std::ffi::OsStr::new(*word));
        words.chain([python.as_os_str(), target]).collect::<Vec<_>>()
    };
    for argv in [
        [&venv[..], &without_pip].concat(),
        with_python(&uv),
        with_python(&virtualenv),
    ] {
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

/// Installs the pip that the interpreter brings. Distributions leave it out; commands that need no
/// pip run without.
fn add_pip(environment: &Path, stop: &Stop) -> Result<()> {
    let pip = environment.join("bin/pip");
    let python = environment.join("bin/python");
    if pip.exists() {
        return Ok(());
    }
    let has_it = ["-I", "-c", "import ensurepip; ensurepip.version()"].map(std::ffi::OsStr::new);
    if step(&[&[python.as_os_str()][..], &has_it].concat(), stop).is_err() {
        return Ok(());
    }
    let install = ["-I", "-m", "ensurepip", "--default-pip"].map(std::ffi::OsStr::new);
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
    let run = |words: &[&std::ffi::OsStr]| {
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
        run(&remove.map(std::ffi::OsStr::new))?;
    }
    let script = ["-I", "-c", PACK_PIP].map(std::ffi::OsStr::new);
    run(&[&script[..], &[packages.as_os_str()]].concat())
}

/// Runs a tool without the caller's variables, which could change what it does.
fn step(argv: &[&std::ffi::OsStr], stop: &Stop) -> std::result::Result<(), String> {
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
