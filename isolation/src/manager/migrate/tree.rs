//! The directory that moves: in the old environment, on this machine, in the new environment.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::engines::{VIRTUALENV, basic};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::files::FileKind;
use crate::files::remove_tree::remove_tree;
use crate::snapshots::LeftOut;

/// The virtual environment of an environment of this machine.
const VIRTUAL: &str = ".venv";

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
             directory that is to move: --directory DIR",
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
    let missing = || Error::new(ErrorKind::Corrupt, "the engine does not report its directory");
    let saves = environment.shared().instance.saves().ok_or_else(missing)?;
    saves.contents().await?.location.ok_or_else(missing)
}

/// The files that no copy carries, as far as they are known beforehand.
pub(super) async fn left_behind(
    source: &Environment,
    from: &Side,
    to: &Side,
    keeps_python: bool,
) -> Result<Vec<LeftOut>> {
    let python = match (keeps_python, from.host, to.host) {
        (true, _, _) | (false, false, false) => false,
        (false, true, _) => is_virtual_environment(&Path::new(&from.seen).join(VIRTUAL)),
        (false, false, true) => {
            let mark = format!("{}/{VIRTUAL}/pyvenv.cfg", from.path);
            source.file_kind(&mark).await? == Some(FileKind::File)
        }
    };
    let temporary = false;
    Ok(Pruned { temporary, python }.lost())
}

fn is_virtual_environment(path: &Path) -> bool {
    path.join("pyvenv.cfg").is_file() && !path.is_symlink()
}

/// Removes what no copy carries; returns it.
pub(super) async fn prune(files: &Path, from: &Side, to: &Side, keeps_python: bool) -> Result<Vec<LeftOut>> {
    let (files, from, to) = (files.to_owned(), from.clone(), to.clone());
    blocking(move || {
        let mut pruned = Pruned::default();
        if from.host {
            pruned.own_directories(&files, &to)?;
        }
        if (from.host || to.host) && !keeps_python {
            pruned.virtual_environment(&files)?;
        }
        pruned.bytecode(&files)?;
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
        if is_virtual_environment(&path) {
            self.python = true;
            remove_tree(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
        Ok(())
    }

    /// Compiled code, which holds the old path and is compiled again.
    fn bytecode(&mut self, directory: &Path) -> Result<()> {
        let failed = |error| Error::io("list", directory, error);
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| Error::io("inspect", &path, e))?;
            match (kind.is_dir(), entry.file_name() == "__pycache__") {
                (true, true) => remove_tree(&path).map_err(|e| Error::io("remove", &path, e))?,
                (true, false) => self.bytecode(&path)?,
                (false, _) => {}
            }
        }
        Ok(())
    }

    fn lost(self) -> Vec<LeftOut> {
        let mut lost = Vec::new();
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
    async fn directory_of_an_environment_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let mut registry = crate::Registry::new();
        registry.register(basic::BasicEngine::below(base.path())).unwrap();
        let manager = crate::Manager::new(registry);
        let made = manager.create(&crate::EngineChoice::Auto, crate::EnvironmentSpec::default());
        let environment = made.await.unwrap();
        let root = PathBuf::from(seen(&environment, &Side::host()).await.unwrap());
        fs::create_dir_all(root.join(".venv/lib")).unwrap();
        remove(&environment, VIRTUAL).await.unwrap();
        assert!(root.is_dir() && !root.join(VIRTUAL).exists());
    }

    #[tokio::test]
    async fn temporary_and_compiled_files_stay_behind() {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        for name in ["tmp", "home", "src/__pycache__"] {
            fs::create_dir_all(files.join(name)).unwrap();
        }
        fs::write(files.join("tmp/x"), "").unwrap();
        fs::create_dir(files.join(VIRTUAL)).unwrap();
        fs::write(files.join(".venv/pyvenv.cfg"), "home = /usr/bin\n").unwrap();
        fs::write(files.join("src/a"), "a").unwrap();
        let lost = prune(files, &Side::host(), &Side::inside("/work"), false)
            .await
            .unwrap();
        let shown: Vec<&str> = lost.iter().map(|left| left.what.as_str()).collect();
        assert_eq!(shown, ["the files in tmp", "the virtual environment in .venv"]);
        let left: Vec<_> = fs::read_dir(files)
            .unwrap()
            .map(|one| one.unwrap().file_name())
            .collect();
        assert_eq!(left, ["src"]);
        assert!(!files.join("src/__pycache__").exists());
    }

    #[tokio::test]
    async fn other_virtual_environment_replaces_no_new_one() {
        let (host, inside) = (Side::host(), Side::inside("/work"));
        for (from, to, keeps_python, stays) in [
            (&inside, &host, false, false),
            (&host, &host, false, false),
            (&inside, &inside, false, true),
            (&inside, &host, true, true),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let mark = directory.path().join(".venv/pyvenv.cfg");
            fs::create_dir(mark.parent().unwrap()).unwrap();
            fs::write(&mark, "home = /usr/bin\n").unwrap();
            let lost = prune(directory.path(), from, to, keeps_python).await.unwrap();
            assert_eq!(
                (mark.exists(), lost.is_empty()),
                (stays, stays),
                "{from:?} {to:?}"
            );
        }
    }
}
