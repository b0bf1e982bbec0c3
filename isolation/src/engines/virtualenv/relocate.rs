//! Makes a virtual environment that was copied from another path one of its new path, or refuses.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::interpreter::Interpreter;
use super::known::Known;
use super::pyvenv_cfg::PyvenvCfg;
use super::{DIRECTORY, proof, record, scripts};
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;

/// How many files a refusal lists.
const LISTED: usize = 10;

/// The place from which a virtual environment was copied.
#[derive(Debug)]
pub(super) struct Moved {
    /// The root of the environment that its files name.
    pub(super) from: PathBuf,
    /// The files and links that name it, relative to the virtual environment; without them every
    /// file is read.
    pub(super) naming: Option<BTreeSet<PathBuf>>,
}

impl From<PathBuf> for Moved {
    fn from(from: PathBuf) -> Self {
        Self { from, naming: None }
    }
}

/// Rewrites every text file and every link that names the old root of the environment, and runs
/// every entry point. `scratch` is a path where nothing is. This blocks.
///
/// # Errors
///
/// The kind is [`Unsupported`](ErrorKind::Unsupported) if a file names the old path that cannot be
/// rewritten, such as a compiled library, or if an entry point does not run; the error lists them.
pub(super) fn relocate(
    moved: Option<&Moved>,
    root: &Path,
    scratch: &Path,
    known: &Known,
    stop: &Stop,
) -> Result<()> {
    let environment = root.join(DIRECTORY);
    let python = environment.join("bin/python");
    if !python.exists() {
        let gone = fs::read_link(&python).unwrap_or_else(|_| python.clone());
        let why = format!(
            "the base interpreter {} is gone; install it again",
            gone.display()
        );
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    if let Some(moved) = moved.filter(|moved| moved.from != root) {
        rewrite(moved, root, known, stop)?;
    }
    prove(&environment, scratch, stop)
}

/// Rewrites every text file and every link that names the old root.
pub(super) fn rewrite(moved: &Moved, root: &Path, known: &Known, stop: &Stop) -> Result<()> {
    let environment = root.join(DIRECTORY);
    let interpreter = interpreter(&environment, known)?;
    let mut work = Relocation {
        from: &moved.from,
        to: root,
        environment: &environment,
        changed: Vec::new(),
        fixed: Vec::new(),
        stop,
    };
    match &moved.naming {
        None => work.directory(&environment)?,
        Some(naming) => work.these(naming)?,
    }
    if !work.fixed.is_empty() {
        return Err(refused(
            "these files name the old path and cannot be changed",
            &work.fixed,
        ));
    }
    record::update(&environment, &interpreter.packages, &work.changed)
}

/// The interpreter of a virtual environment. Its answer does not depend on the environment, so that
/// of the program to which the environment links is enough.
fn interpreter(environment: &Path, known: &Known) -> Result<Interpreter> {
    let python = environment.join("bin/python");
    let answer = match python.canonicalize() {
        Ok(real) if !real.starts_with(environment) => known.ask(&real),
        _ => Interpreter::ask(&python),
    };
    answer.map_err(|why| {
        let why = format!("the interpreter {} does not run: {why}", python.display());
        Error::new(ErrorKind::Unsupported, why)
    })
}

/// Runs every entry point.
pub(super) fn prove(environment: &Path, scratch: &Path, stop: &Stop) -> Result<()> {
    let broken = proof::run_entry_points(environment, scratch, stop)?;
    match broken.is_empty() {
        true => Ok(()),
        false => Err(refused("these entry points do not run", &broken)),
    }
}

/// Another place of a virtual environment.
pub(crate) struct Elsewhere<'a> {
    /// The directory in which it is, as its files name it.
    pub(crate) from: &'a Path,
    /// The directory in which it is to be.
    pub(crate) to: &'a Path,
    /// The virtual environment there.
    pub(crate) environment: &'a Path,
    /// The interpreter there.
    pub(crate) base: &'a Path,
    /// The version of that interpreter.
    pub(crate) version: &'a str,
}

/// Makes a copy of a virtual environment one of another place and another interpreter, with which
/// its packages run. `packages` is their directory in it. This blocks.
///
/// # Errors
///
/// As for [`relocate`].
pub(crate) fn prepare_for(copy: &Path, packages: &Path, place: &Elsewhere<'_>, stop: &Stop) -> Result<()> {
    let mut work = Relocation {
        from: place.from,
        to: place.to,
        environment: copy,
        changed: Vec::new(),
        fixed: Vec::new(),
        stop,
    };
    work.directory(copy)?;
    if !work.fixed.is_empty() {
        return Err(refused(
            "these files name the old path and cannot be changed",
            &work.fixed,
        ));
    }
    record::update(copy, packages, &work.changed)?;
    link_interpreter(&copy.join("bin"), place)?;
    let mut file = PyvenvCfg::read(copy)?;
    let home = place.base.parent().unwrap_or(place.base).display().to_string();
    let program = place.base.display().to_string();
    let command = format!("{program} -m venv {}", place.environment.display());
    for (key, value) in [
        ("home", home.as_str()),
        ("base-executable", &program),
        ("executable", &program),
        ("command", &command),
        ("version", place.version),
        ("version_info", place.version),
        ("python-version", place.version),
    ] {
        if key == "home" || file.get(key).is_some() {
            file.set(key, value);
        }
    }
    for key in ["base-prefix", "base-exec-prefix"] {
        if file.get(key).is_some() {
            let prefix = place.base.parent().and_then(Path::parent);
            file.set(key, &prefix.unwrap_or(place.base).display().to_string());
        }
    }
    file.write(copy)
}

/// Links the programs of an environment to another interpreter.
fn link_interpreter(bin: &Path, place: &Elsewhere<'_>) -> Result<()> {
    let failed = |error| Error::io("list", bin, error);
    for entry in fs::read_dir(bin).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Some(rest) = name.strip_prefix("python") else {
            continue;
        };
        if !rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            continue;
        }
        let Ok(target) = fs::read_link(&path) else {
            let why = format!("its {name} is a copy of an interpreter, and not a link to one");
            return Err(Error::new(ErrorKind::Unsupported, why));
        };
        if target.is_absolute() && !target.starts_with(place.to) {
            let linked = fs::remove_file(&path).and_then(|()| symlink(place.base, &path));
            linked.map_err(|e| Error::io("change the link", &path, e))?;
        }
    }
    Ok(())
}

fn refused(what: &str, list: &[String]) -> Error {
    let shown = list[..list.len().min(LISTED)].join(", ");
    let more = match list.len() - list.len().min(LISTED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let why = format!("the virtual environment cannot be used at another path: {what}: {shown}{more}");
    Error::new(ErrorKind::Unsupported, why)
}

struct Relocation<'a> {
    from: &'a Path,
    to: &'a Path,
    environment: &'a Path,
    /// Files that were rewritten, relative to the environment.
    changed: Vec<PathBuf>,
    /// Binary files that name the old path.
    fixed: Vec<String>,
    stop: &'a Stop,
}

impl Relocation<'_> {
    fn directory(&mut self, directory: &Path) -> Result<()> {
        let failed = |error| Error::io("list", directory, error);
        for entry in fs::read_dir(directory).map_err(failed)? {
            self.stop.check()?;
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| Error::io("inspect", &path, e))?;
            if kind.is_symlink() {
                self.link(&path)?;
            } else if kind.is_dir() && entry.file_name() != "__pycache__" {
                self.directory(&path)?;
            } else if kind.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    /// Changes files and links whose paths are relative to the environment.
    fn these(&mut self, naming: &BTreeSet<PathBuf>) -> Result<()> {
        for relative in naming {
            self.stop.check()?;
            let path = self.environment.join(relative);
            let meta = path.symlink_metadata();
            match meta.map_err(|e| Error::io("inspect", &path, e))?.is_symlink() {
                true => self.link(&path)?,
                false => self.file(&path)?,
            }
        }
        Ok(())
    }

    fn link(&self, path: &Path) -> Result<()> {
        let failed = |error| Error::io("change the link", path, error);
        let target = fs::read_link(path).map_err(failed)?;
        let Ok(inside) = target.strip_prefix(self.from) else {
            return Ok(());
        };
        let changed = fs::remove_file(path).and_then(|()| symlink(self.to.join(inside), path));
        changed.map_err(failed)
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let unreadable = |error| Error::io("read", path, error);
        let relative = path.strip_prefix(self.environment).unwrap_or(path);
        let content = fs::read(path).map_err(unreadable)?;
        let Some(text) = scripts::rewritten(&content, self.from, self.to) else {
            return Ok(());
        };
        if content.contains(&0) {
            self.fixed.push(relative.display().to_string());
            return Ok(());
        }
        // Its mode stays, and its time: compiled code is valid for the time of its source.
        let modified = path
            .metadata()
            .and_then(|meta| meta.modified())
            .map_err(unreadable)?;
        let times = FileTimes::new().set_modified(modified);
        let written =
            fs::write(path, &text).and_then(|()| File::options().append(true).open(path)?.set_times(times));
        written.map_err(|e| Error::io("write", path, e))?;
        self.changed.push(relative.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_file_with_the_old_path_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let environment = root.path().join(DIRECTORY);
        fs::create_dir(&environment).unwrap();
        fs::write(environment.join("lib.so"), b"\x7fELF\0/old/env/root/.venv/lib\0").unwrap();
        fs::write(
            environment.join("text"),
            "/old/env/root/.venv and /old/env/root2\n",
        )
        .unwrap();
        symlink("/old/env/root/src", environment.join("link")).unwrap();
        let stop = Stop::default();
        let mut work = Relocation {
            from: Path::new("/old/env/root"),
            to: root.path(),
            environment: &environment,
            changed: Vec::new(),
            fixed: Vec::new(),
            stop: &stop,
        };
        work.directory(&environment).unwrap();
        assert_eq!(work.fixed, ["lib.so"]);
        let new = root.path().display();
        assert_eq!(
            fs::read_to_string(environment.join("text")).unwrap(),
            format!("{new}/.venv and /old/env/root2\n")
        );
        assert_eq!(
            fs::read_link(environment.join("link")).unwrap(),
            root.path().join("src")
        );
        let many: Vec<String> = (0..12).map(|n| format!("f{n}")).collect();
        let error = refused("x", &many).to_string();
        assert!(error.contains("f9, and 2 more"), "{error}");
    }
}
