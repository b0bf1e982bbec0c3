//! Creates a virtual environment with the tool that is there: `venv` of the interpreter, uv, or
//! virtualenv.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::NAME;
use super::interpreter::Interpreter;
use super::run::run;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;
use crate::files::remove_tree::remove_tree;

/// How long one step may take: ensurepip reads and writes some thousand files.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Puts the code of pip into one file.
const PACK_PIP: &str = include_str!("pack_pip.py");

/// Creates a virtual environment at a path where nothing is, with pip if it is wanted and the
/// interpreter brings it. This blocks. After an error nothing is left.
pub(super) fn create(environment: &Path, interpreter: &Interpreter, pip: bool, stop: &Stop) -> Result<()> {
    check_free(environment)?;
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

/// Rejects a path where something is: `venv` would use it, and uv would not.
fn check_free(environment: &Path) -> Result<()> {
    match environment.symlink_metadata() {
        Ok(_) => Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "{} is there already, and a virtual environment is only created where nothing is",
                environment.display()
            ),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("inspect", environment, error)),
    }
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

/// Interpreters that are scripts.
#[cfg(test)]
pub(super) mod testing {
    use std::path::PathBuf;

    use super::{Command, Path};

    /// Writes a program. By another process: one that a test forks meanwhile would have it open.
    pub(in super::super) fn program(directory: &Path, script: &str) -> PathBuf {
        let path = directory.join("python");
        let write = "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"";
        let written = Command::new("sh")
            .args(["-c", write, "sh", script])
            .arg(&path)
            .status();
        assert!(written.unwrap().success());
        path
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn tools_never_install_an_interpreter() {
        let [venv, uv, virtualenv] = tools(Path::new("/usr/bin/python3"), Path::new("/tmp/new"));
        assert!(venv.contains(&OsStr::new("--without-pip")), "{venv:?}");
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
        let target = directory.path().join("new");
        let script = format!(
            "#!/bin/sh\nmkdir -p '{}/bin'\necho first\necho 'ensurepip is not available' >&2\nexit 1\n",
            target.display()
        );
        let interpreter = Interpreter {
            executable: testing::program(directory.path(), &script),
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
    /// `venv` would use the directory, uv would refuse it: no tool gets to see it.
    #[test]
    fn existing_path_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("work"), "mine").unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "mine").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        let dangling = directory.path().join("dangling");
        std::os::unix::fs::symlink("/no/such/directory", &dangling).unwrap();
        let called = directory.path().join("called");
        let script = format!("#!/bin/sh\ntouch '{}'\n", called.display());
        let interpreter = Interpreter {
            executable: testing::program(directory.path(), &script),
            ..Interpreter::sample()
        };
        for path in [&kept, &file, &link, &dangling] {
            let error = create(path, &interpreter, true, &Stop::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        assert!(!called.exists(), "a tool ran");
        assert_eq!(fs::read_to_string(kept.join("work")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert!(link.is_symlink() && dangling.is_symlink());
    }

    #[test]
    fn place_below_a_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "mine").unwrap();
        let target = file.join("new");
        let error = create(&target, &Interpreter::sample(), true, &Stop::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn pip_is_installed_only_where_it_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).unwrap();
        // As on a distribution that leaves ensurepip out.
        testing::program(&bin, "#!/bin/sh\necho \"$*\" >>\"${0%/*}/calls\"\nexit 1\n");
        let stop = Stop::default();
        add_pip(directory.path(), &stop).unwrap();
        let calls = || fs::read_to_string(bin.join("calls")).unwrap();
        assert!(!calls().contains("--default-pip"), "{}", calls());
        let before = calls();
        fs::write(bin.join("pip"), "").unwrap();
        add_pip(directory.path(), &stop).unwrap();
        assert_eq!(calls(), before, "nothing is asked");
    }
}
