//! The files that move: read into a directory of this machine, and written into the new
//! environment.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::engines::{VIRTUALENV, basic};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::files::CopySource;
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::remove_tree::remove_tree;
use crate::snapshots::{LeftOut, clone_tree};

/// The virtual environment of an environment of this machine.
const VIRTUAL: &str = ".venv";

/// How many lost files are named.
const NAMED: usize = 5;

/// The directory of an environment whose files move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    /// Whether its engine uses a directory of this machine as the root of its paths.
    pub(super) host: bool,
    /// The path for copies.
    pub(super) path: String,
    /// The path that its processes see; empty if it is not known yet.
    pub(super) seen: String,
}

impl Side {
    pub(super) fn host() -> Self {
        Self {
            host: true,
            path: "/".to_owned(),
            seen: String::new(),
        }
    }

    pub(super) fn inside(path: &str) -> Self {
        let path = path.trim_end_matches('/');
        Self {
            host: false,
            path: path.to_owned(),
            seen: path.to_owned(),
        }
    }

    pub(super) fn described(&self, engine: &str) -> String {
        match self.host {
            true => format!("the files of the environment ({engine})"),
            false => format!("{} ({engine})", self.path),
        }
    }
}

/// Whether the root of the paths of an engine's environments is a directory of this machine.
pub(super) fn is_of_host(engine: &str) -> bool {
    [basic::NAME, VIRTUALENV].contains(&engine)
}

/// The directory of an environment that moves.
pub(super) async fn side_of(source: &Environment, asked: Option<&str>) -> Result<Side> {
    if is_of_host(source.engine()) {
        let seen = seen(source, &Side::host()).await?;
        return Ok(Side { seen, ..Side::host() });
    }
    if let Some(asked) = asked {
        return Ok(Side::inside(asked));
    }
    let output = source.run(Command::new(["pwd"])).await?;
    let text = output.stdout_text();
    match text.strip_suffix('\n').unwrap_or(&text) {
        "/" | "" => Err(Error::invalid(
            "the working directory of the environment is /, with all files of its system; name the \
             directory that is to move: --directory (MigrateOptions::directory)",
        )),
        path => Ok(Side::inside(path)),
    }
}

/// The path of the directory that the processes of an environment see.
pub(super) async fn seen(environment: &Environment, side: &Side) -> Result<String> {
    if !side.host {
        return Ok(side.path.clone());
    }
    let location = location(environment).await?;
    let real = location
        .canonicalize()
        .map_err(|e| Error::io("resolve", &location, e))?;
    real.into_os_string()
        .into_string()
        .map_err(|path| Error::invalid(format!("the path {} is not text", Path::new(&path).display())))
}

/// The directory of this machine that is the root of an environment.
async fn location(environment: &Environment) -> Result<PathBuf> {
    let place = match environment.shared().instance.saves() {
        Some(saves) => saves.contents().await?.location,
        None => None,
    };
    place.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the engine does not report its directory"))
}

/// Reads the files into a new directory.
pub(super) async fn read(source: &Environment, from: &Side, to: &Path) -> Result<()> {
    if !from.host {
        return source.copy_out(&from.path, to).await;
    }
    let (top, to) = (location(source).await?, to.to_owned());
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    blocking(move || {
        let made = DirBuilder::new().mode(0o700).create(&to);
        made.map_err(|e| Error::io("create the directory", &to, e))?;
        clone_tree(&top, &to, &stop)
    })
    .await
}

/// Removes what no copy carries; returns it.
pub(super) async fn prune(files: &Path, from: &Side, to: &Side, keeps_python: bool) -> Result<Vec<LeftOut>> {
    let (files, from, to) = (files.to_owned(), from.clone(), to.clone());
    blocking(move || {
        let mut pruned = Pruned::default();
        if from.host {
            pruned.own_directories(&files, &to)?;
            if !keeps_python {
                pruned.virtual_environment(&files)?;
            }
        }
        pruned.directory(&files, &files)?;
        if !to.host {
            // Other users of the environment may look at it.
            let mode = Permissions::from_mode(0o755);
            fs::set_permissions(&files, mode).map_err(|e| Error::io("set the mode of", &files, e))?;
        }
        Ok(pruned.lost())
    })
    .await
}

#[derive(Debug, Default)]
struct Pruned {
    special: Vec<String>,
    linked: Vec<String>,
    temporary: bool,
    python: bool,
}

impl Pruned {
    /// The directories `home` and `tmp`, which an environment of this machine has.
    fn own_directories(&mut self, files: &Path, to: &Side) -> Result<()> {
        let temporary = files.join("tmp");
        if temporary.is_dir() && !temporary.is_symlink() {
            self.temporary = temporary.read_dir().is_ok_and(|mut all| all.next().is_some());
            remove_tree(&temporary).map_err(|e| Error::io("remove", &temporary, e))?;
        }
        if !to.host {
            // An empty one has no meaning there.
            let _ = fs::remove_dir(files.join("home"));
        }
        Ok(())
    }

    /// A virtual environment that commands of the engine do not use. It names its old path, and
    /// would be taken for that of the new environment.
    fn virtual_environment(&mut self, files: &Path) -> Result<()> {
        let path = files.join(VIRTUAL);
        if path.join("pyvenv.cfg").is_file() && !path.is_symlink() {
            self.python = true;
            remove_tree(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
        Ok(())
    }

    fn directory(&mut self, directory: &Path, top: &Path) -> Result<()> {
        let failed = |error| Error::io("list", directory, error);
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let meta = path.symlink_metadata();
            let meta = meta.map_err(|e| Error::io("inspect", &path, e))?;
            let kind = meta.file_type();
            let shown = || path.strip_prefix(top).unwrap_or(&path).display().to_string();
            if kind.is_dir() {
                if entry_is_bytecode(&path) {
                    // It holds the old path, and is compiled again.
                    remove_tree(&path).map_err(|e| Error::io("remove", &path, e))?;
                } else {
                    self.directory(&path, top)?;
                }
            } else if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
                self.special.push(shown());
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            } else if kind.is_file() && meta.nlink() > 1 {
                self.linked.push(shown());
            }
        }
        Ok(())
    }

    fn lost(mut self) -> Vec<LeftOut> {
        let mut lost = Vec::new();
        let mut some = |files: &mut Vec<String>, what: &str, why: &str| {
            if !files.is_empty() {
                files.sort();
                let named = files[..files.len().min(NAMED)].join(", ");
                lost.push(LeftOut::new(format!("{} {what}: {named}", files.len()), why));
            }
        };
        let special = "pipes, sockets and devices";
        some(
            &mut self.special,
            special,
            "they belong to processes and to the machine",
        );
        let linked = "files with several names";
        some(&mut self.linked, linked, "each name has a file of its own then");
        if self.temporary {
            lost.push(LeftOut::new("the files in tmp", "they are temporary"));
        }
        if self.python {
            let what = format!("the virtual environment in {VIRTUAL}");
            lost.push(LeftOut::new(what, "its files name the path at which it was"));
        }
        lost
    }
}

fn entry_is_bytecode(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "__pycache__")
}

/// Writes the files into an environment.
pub(super) async fn write(target: &Environment, files: &Path, to: &Side) -> Result<()> {
    target.copy_in(CopySource::Path(files.to_owned()), &to.path).await
}

/// Removes a directory of an environment of this machine.
pub(super) async fn remove(target: &Environment, name: &str) -> Result<()> {
    let path = location(target).await?.join(name);
    blocking(move || remove_tree(&path).map_err(|e| Error::io("remove", &path, e))).await
}

/// Runs blocking work on a thread for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(Error::engine("migration", ended)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn special_and_temporary_files_stay_behind() {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        for name in ["tmp", "home", "src/__pycache__"] {
            fs::create_dir_all(files.join(name)).unwrap();
        }
        fs::write(files.join("tmp/x"), "").unwrap();
        fs::create_dir(files.join(VIRTUAL)).unwrap();
        fs::write(files.join(".venv/pyvenv.cfg"), "home = /usr/bin\n").unwrap();
        fs::write(files.join("src/a"), "a").unwrap();
        fs::hard_link(files.join("src/a"), files.join("src/b")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(files.join("src/s")).unwrap();
        let lost = prune(files, &Side::host(), &Side::inside("/work"), false)
            .await
            .unwrap();
        let shown: Vec<&str> = lost.iter().map(|left| left.what.as_str()).collect();
        let expected = [
            "1 pipes, sockets and devices: src/s",
            "2 files with several names: src/a, src/b",
            "the files in tmp",
            "the virtual environment in .venv",
        ];
        assert_eq!(shown, expected);
        let left: Vec<_> = fs::read_dir(files)
            .unwrap()
            .map(|one| one.unwrap().file_name())
            .collect();
        assert_eq!(left, ["src"]);
        assert!(!files.join("src/s").exists() && !files.join("src/__pycache__").exists());
    }
}
