//! Moves the packages of Python, or installs them again.

use std::path::{Path, PathBuf};

use super::{DIRECTORY, Python, is_seed};
use crate::command::Command;
use crate::engines::virtualenv;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::remove_tree::remove_tree;
use crate::manager::migrate::MigrateOptions;
use crate::manager::migrate::tree::{self, Side, blocking};
use crate::packages::{InstallPackages, Package, PackageManager, differences, python_command};

/// Runs every entry point, see the file.
const TEST: &str = include_str!("test.py");

/// The work of a migration with the packages of Python.
#[derive(Debug)]
pub(in crate::manager::migrate) struct PythonWork {
    pub(super) how: How,
    pub(super) target: Python,
    /// The directory of packages in the virtual environment, relative to it.
    pub(super) directory: PathBuf,
    pub(super) packages: Vec<Package>,
    pub(super) on_host: bool,
}

#[derive(Debug)]
pub(super) enum How {
    /// The files move.
    Move(PathBuf),
    /// The packages are installed again; the files of the old virtual environment stay behind.
    Install(Vec<String>, Option<PathBuf>),
}

impl PythonWork {
    /// Changes the copy of the files so that it fits its new place, `seen` for its processes.
    pub(in crate::manager::migrate) async fn prepare(
        &self,
        files: &Path,
        from: &Side,
        seen: &str,
    ) -> Result<()> {
        let own = match &self.how {
            How::Install(_, None) => return Ok(()),
            How::Install(_, Some(own)) => {
                let old = files.join(own);
                return blocking(move || remove_tree(&old).map_err(|e| Error::io("remove", &old, e))).await;
            }
            How::Move(own) => own,
        };
        let (from, seen) = (PathBuf::from(&from.seen), PathBuf::from(seen));
        let (copy, environment) = (files.join(own), seen.join(own));
        let (base, packages) = (self.target.base.clone(), self.directory.clone());
        let (major, minor, patch) = self.target.version;
        let version = format!("{major}.{minor}.{patch}");
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(move || {
            let elsewhere = virtualenv::Elsewhere {
                from: &from,
                to: &seen,
                environment: &environment,
                base: &base,
                version: &version,
            };
            virtualenv::prepare_for(&copy, &packages, &elsewhere, &stop)
        })
        .await
    }

    /// Makes room for a virtual environment that moves into one of this machine.
    pub(in crate::manager::migrate) async fn make_room(&self, target: &Environment) -> Result<()> {
        match (&self.how, self.on_host) {
            (How::Move(_), true) => tree::remove(target, DIRECTORY).await,
            _ => Ok(()),
        }
    }

    /// Installs packages again; returns whether there were any.
    pub(in crate::manager::migrate) async fn install(
        &self,
        target: &Environment,
        options: &MigrateOptions,
    ) -> Result<bool> {
        let How::Install(names, _) = &self.how else {
            return Ok(false);
        };
        if !self.on_host {
            let place = target.spec().env.get("VIRTUAL_ENV").cloned().unwrap_or_default();
            let program = self.target.base.to_string_lossy().into_owned();
            let make = Command::new([program, "-m".into(), "venv".into(), place]);
            let output = target.run(make).await?;
            if !output.exit.success() {
                let text = format!("{}{}", output.stdout_text(), output.stderr_text());
                let last = text.lines().rev().find(|line| !line.trim().is_empty());
                let why = format!(
                    "the new environment cannot create a virtual environment: {}; choose an image with venv \
                     and pip (python3-venv of Debian)",
                    last.unwrap_or("no reason was printed")
                );
                return Err(Error::new(ErrorKind::Engine, why));
            }
        }
        if names.is_empty() {
            return Ok(false);
        }
        let install = InstallPackages {
            names: names.clone(),
            index: options.index.clone(),
            find_links: options.find_links.clone(),
            ..InstallPackages::default()
        };
        target.packages(PackageManager::Pip).install(install).await?;
        Ok(true)
    }

    /// Fails unless every entry point runs in the new environment, which has the same packages.
    pub(in crate::manager::migrate) async fn test(&self, target: &Environment) -> Result<()> {
        let arguments = ["-I", "-c", TEST].map(str::to_owned);
        let output = target.run(python_command(arguments.into_iter())).await?;
        if !output.exit.success() {
            let text = output.stderr_text();
            let why = format!(
                "in the new environment these entry points do not run: {}",
                text.trim()
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let found = target.packages(PackageManager::Pip).list().await?;
        let kept = |packages: &[Package]| -> Vec<Package> {
            let own = packages.iter().filter(|one| !one.inherited && !is_seed(one));
            own.cloned().collect()
        };
        let differing = differences(PackageManager::Pip, &kept(&self.packages), &kept(&found));
        if differing.is_empty() {
            return Ok(());
        }
        let listed: Vec<String> = differing.iter().map(ToString::to_string).collect();
        let why = format!("the new environment has other packages: {}", listed.join(", "));
        Err(Error::new(ErrorKind::Corrupt, why))
    }
}
