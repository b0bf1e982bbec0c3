//! A virtual environment with pip that is kept for each interpreter, and copied for each
//! environment: ensurepip takes nearly all the time of a creation. The code of pip is one file in
//! it, because the time of a copy depends on the number of files.
//!
//! ```text
//! CACHE/isolate/virtualenv/      0700
//!   KEY.lock                     held while the template is created
//!   KEY/template.json            its own path, and the files that name it
//!   KEY/environment/             the virtual environment
//!   interpreter-KEY.json         the answer of an interpreter
//! ```

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::NAME;
use super::interpreter::Interpreter;
use super::record;
use super::scripts;
use super::tool;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::copy::Stop;
use crate::files::remove_tree::remove_tree;
use crate::snapshots::{copy_content, not_created};

const NOTE: &str = "template.json";
const ENVIRONMENT: &str = "environment";

/// How often a lock is tried.
const PAUSE: Duration = Duration::from_millis(20);

/// Changes with the layout, so that no template of another version is used.
const LAYOUT: &str = "2";

/// A kept virtual environment.
#[derive(Debug)]
pub(super) struct Template {
    environment: PathBuf,
    note: Note,
}

/// The facts that a copy needs.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The path under which it was created, which its files name.
    origin: PathBuf,
    /// The files that name it, relative to it.
    naming: Vec<PathBuf>,
}

impl Template {
    /// The template of this interpreter below `cache`, created if it is missing. This blocks.
    pub(super) fn of(interpreter: &Interpreter, pip: bool, cache: &Path, stop: &Stop) -> Result<Self> {
        let cache = private(cache)?;
        let kept = cache.join(key(interpreter, pip)?);
        if let Some(template) = Self::read(&kept)? {
            return Ok(template);
        }
        let _lock = lock(&kept.with_extension("lock"), stop)?;
        remove_unfinished(&cache, &kept)?;
        // Another process may have created it meanwhile.
        if let Some(template) = Self::read(&kept)? {
            return Ok(template);
        }
        let new = cache.join(format!("{}{}", unfinished(&kept), random_hex()));
        let created = create(&new, interpreter, pip, stop)
            .and_then(|()| fs::rename(&new, &kept).map_err(|e| Error::io("rename the directory", &new, e)));
        if let Err(error) = created {
            // The first error counts.
            let _ = remove_tree(&new);
            return Err(error);
        }
        Self::read(&kept)?.ok_or_else(|| {
            let why = format!("{} was removed while it was created", kept.display());
            Error::engine(NAME, why)
        })
    }

    /// The template in this directory; `None` if it is missing.
    fn read(kept: &Path) -> Result<Option<Self>> {
        let path = kept.join(NOTE);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|e| Error::io("read", &path, e))?,
        };
        let note = serde_json::from_slice(&text).map_err(|error| {
            let why = format!(
                "{} is damaged: {error}; remove {}",
                path.display(),
                kept.display()
            );
            Error::engine(NAME, why)
        })?;
        let environment = kept.join(ENVIRONMENT);
        Ok(Some(Self { environment, note }))
    }

    /// Copies it to a path where nothing is. No file is shared with the template: a test may edit
    /// the files of a package in place. This blocks.
    pub(super) fn copy(&self, target: &Path, packages: &Path, stop: &Stop) -> Result<()> {
        copy_tree(&self.environment, target, stop)?;
        let mut changed = Vec::new();
        for relative in &self.note.naming {
            let path = target.join(relative);
            let content = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
            if let Some(text) = scripts::rewritten(&content, &self.note.origin, target) {
                // Its mode stays.
                fs::write(&path, &text).map_err(|e| Error::io("write", &path, e))?;
                changed.push(relative.clone());
            }
        }
        record::update(target, packages, &changed)
    }
}

/// The directory for templates of a user with these environment variables.
pub(super) fn directory(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let cache = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.filter(|path| path.is_absolute()).ok_or_else(|| {
        let why = "neither XDG_CACHE_HOME nor HOME names a directory for the template; set one of them";
        Error::invalid(why)
    })?;
    Ok(cache.join("isolate/virtualenv"))
}

/// Changes with the interpreter.
fn key(interpreter: &Interpreter, pip: bool) -> Result<String> {
    let path = &interpreter.executable;
    let meta = path.metadata().map_err(|e| Error::io("inspect", path, e))?;
    let mut hash = Sha256::new();
    for part in [
        LAYOUT.to_owned(),
        path.to_string_lossy().into_owned(),
        interpreter.version.to_string(),
        interpreter.implementation.clone(),
        format!("pip {pip}"),
        format!("{} {} {}", meta.len(), meta.mtime(), meta.mtime_nsec()),
    ] {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    Ok(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// Creates the directory of templates. One that another user may write to is an error: commands
/// would run what that user put there. The directories above it are open: the users of a sandbox
/// enter them, too.
pub(super) fn private(cache: &Path) -> Result<PathBuf> {
    let above = cache.parent().map_or(Ok(()), fs::create_dir_all);
    let made = above.and_then(|()| DirBuilder::new().recursive(true).mode(0o700).create(cache));
    made.map_err(|e| Error::io("create the directory", cache, e))?;
    let real = fs::canonicalize(cache).map_err(|e| Error::io("resolve the directory", cache, e))?;
    let meta = real.metadata().map_err(|e| Error::io("inspect", &real, e))?;
    let me = rustix::process::geteuid().as_raw();
    match meta.uid() == me && meta.mode() & 0o022 == 0 {
        true => Ok(real),
        false => Err(Error::invalid(format!(
            "other users may write to {}, the directory of kept virtual environments; change its \
             owner and mode, or name another with XDG_CACHE_HOME",
            real.display()
        ))),
    }
}

/// The beginning of the name of a template that is being created.
fn unfinished(kept: &Path) -> String {
    let key = kept.file_name().unwrap_or_default().to_string_lossy();
    format!("new-{key}-")
}

/// Removes what a process has left that was killed during the creation. The caller has the lock.
fn remove_unfinished(cache: &Path, kept: &Path) -> Result<()> {
    for entry in fs::read_dir(cache).map_err(|e| Error::io("list", cache, e))? {
        let entry = entry.map_err(|e| Error::io("list", cache, e))?;
        if entry.file_name().to_string_lossy().starts_with(&unfinished(kept)) {
            remove_tree(&entry.path()).map_err(|e| Error::io("remove", &entry.path(), e))?;
        }
    }
    Ok(())
}

/// Waits for the lock, also for another process that creates the template.
fn lock(path: &Path, stop: &Stop) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path);
    let file = file.map_err(|e| Error::io("open", path, e))?;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("lock", path, error.into())),
        }
        stop.check()?;
        std::thread::sleep(PAUSE);
    }
}

fn create(new: &Path, interpreter: &Interpreter, pip: bool, stop: &Stop) -> Result<()> {
    let made = DirBuilder::new().mode(0o700).create(new);
    made.map_err(|e| Error::io("create the directory", new, e))?;
    let environment = new.join(ENVIRONMENT);
    tool::create(&environment, interpreter, pip, stop)?;
    let mut naming = Vec::new();
    find_naming(&environment, Path::new(""), &mut naming)?;
    let note = Note {
        origin: environment,
        naming,
    };
    let text = serde_json::to_vec(&note).map_err(|error| Error::engine(NAME, error))?;
    let path = new.join(NOTE);
    fs::write(&path, text).map_err(|e| Error::io("write", &path, e))
}

/// Finds the files that name the environment. Compiled code names it too, but the interpreter
/// corrects that when it loads it.
fn find_naming(environment: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let directory = environment.join(below);
    let origin = std::os::unix::ffi::OsStrExt::as_bytes(environment.as_os_str());
    for entry in fs::read_dir(&directory).map_err(|e| Error::io("list", &directory, e))? {
        let entry = entry.map_err(|e| Error::io("list", &directory, e))?;
        let kind = entry
            .file_type()
            .map_err(|e| Error::io("inspect", &entry.path(), e))?;
        let relative = below.join(entry.file_name());
        if kind.is_dir() && entry.file_name() != "__pycache__" {
            find_naming(environment, &relative, found)?;
        } else if kind.is_file() {
            let content = fs::read(entry.path()).map_err(|e| Error::io("read", &entry.path(), e))?;
            if scripts::contains(&content, origin) {
                found.push(relative);
            }
        }
    }
    found.sort();
    Ok(())
}

/// Copies directories, files with their modes and times, and links as links.
fn copy_tree(source: &Path, target: &Path, stop: &Stop) -> Result<()> {
    fs::create_dir(target).map_err(|e| Error::io("create the directory", target, e))?;
    for entry in fs::read_dir(source).map_err(|e| Error::io("list", source, e))? {
        let entry = entry.map_err(|e| Error::io("list", source, e))?;
        stop.check()?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type().map_err(|e| Error::io("inspect", &from, e))?;
        if kind.is_dir() {
            copy_tree(&from, &to, stop)?;
        } else if kind.is_symlink() {
            let link = fs::read_link(&from).map_err(|e| Error::io("read the link", &from, e))?;
            std::os::unix::fs::symlink(link, &to).map_err(|e| not_created("symbolic links", &to, e))?;
        } else {
            copy_file(&from, &to).map_err(|e| Error::io("copy", &from, e))?;
        }
    }
    Ok(())
}

/// The time must stay: compiled code is valid for the time of its source.
fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    let from = File::open(source)?;
    let meta = from.metadata()?;
    let mut options = OpenOptions::new();
    let mut to = options
        .write(true)
        .create_new(true)
        .mode(meta.mode() & 0o777)
        .open(target)?;
    copy_content(&from, meta.len(), &mut to)?;
    to.set_times(FileTimes::new().set_modified(meta.modified()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::virtualenv::tool::testing;

    /// An interpreter that notes its arguments, creates what `venv` creates, and has a pip.
    const PYTHON: &str = r#"#!/bin/sh
echo "$*" | head -n 1 >>'CALLS'
case "$*" in
  *" venv "*)
    for target; do :; done
    mkdir -p "$target/bin" && cp "$0" "$target/bin/python" ;;
  *" ensurepip --default-pip"*) touch "${0%/*}/pip" ;;
esac
"#;

    /// ensurepip takes nearly all the time of a creation.
    #[test]
    fn second_environment_runs_no_tool() {
        let directory = tempfile::tempdir().unwrap();
        let calls = directory.path().join("calls");
        let cache = directory.path().join("cache/isolate/virtualenv");
        let script = PYTHON.replace("CALLS", calls.to_str().unwrap());
        let interpreter = Interpreter {
            executable: testing::program(directory.path(), &script),
            ..Interpreter::sample()
        };
        let stop = Stop::default();
        for name in ["first", "second"] {
            let target = directory.path().join(name);
            let template = Template::of(&interpreter, true, &cache, &stop).unwrap();
            template.copy(&target, Path::new("lib"), &stop).unwrap();
            assert!(target.join("bin/pip").is_file(), "{name} has no pip");
        }
        assert_eq!(cache.metadata().unwrap().mode() & 0o777, 0o700);
        // As any other new directory, whatever this process takes away from its permissions.
        fs::create_dir(directory.path().join("usual")).unwrap();
        let mode = |name: &str| directory.path().join(name).metadata().unwrap().mode();
        assert_eq!(mode("cache/isolate"), mode("usual"));
        let calls = fs::read_to_string(calls).unwrap();
        let times = |word: &str| calls.lines().filter(|line| line.contains(word)).count();
        let made = times("-m venv --without-pip");
        assert_eq!(
            (made, times("-m venv"), times("-m ensurepip")),
            (1, 1, 1),
            "{calls}"
        );
    }
}
