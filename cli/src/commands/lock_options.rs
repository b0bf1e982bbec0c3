//! The options of a lock: of `run` and `create`.

use std::path::PathBuf;

use clap::Args;
use isolation::packages::PackageSources;
use isolation::{Environment, EnvironmentLock, EnvironmentSpec, Manager, Selection};

use super::{lock, packages};
use crate::error::CliError;

/// A lock, and where its packages come from.
#[derive(Debug, Args)]
pub(crate) struct LockOptions {
    /// Make the environment equal to this lock before anything runs in it: install packages that
    /// the lock adds, from archives with the same digests, and fail if something else differs; see
    /// `isolate lock`
    #[arg(long, value_name = "FILE")]
    locked: Option<PathBuf>,
    /// Address of the index for packages of the lock (pip, uv, npm)
    #[arg(long, value_name = "URL", requires = "locked", conflicts_with = "no_index")]
    index: Option<String>,
    /// Use no index for packages of the lock, only --find-links (pip, uv, npm)
    #[arg(long, requires = "locked")]
    no_index: bool,
    /// Directory in the environment, or address, with archives of packages of the lock; may be
    /// repeated (pip, uv)
    #[arg(long, value_name = "PLACE", requires = "locked")]
    find_links: Vec<String>,
}

impl LockOptions {
    /// Rejects invalid options before anything is sent or created.
    pub(super) fn check(&self) -> Result<(), CliError> {
        self.given().map(drop)
    }

    /// Whether there is a lock.
    pub(super) fn is_given(&self) -> bool {
        self.locked.is_some()
    }

    fn given(&self) -> Result<Option<(EnvironmentLock, PackageSources)>, CliError> {
        let Some(file) = &self.locked else {
            return Ok(None);
        };
        let sources = PackageSources {
            index: packages::index(self.index.as_deref(), self.no_index)?,
            find_links: self.find_links.clone(),
            ..PackageSources::default()
        };
        Ok(Some((lock::read(file)?, sources)))
    }

    /// Compares the environment that the specification creates now with the lock, if there is one.
    pub(super) async fn verify(
        &self,
        manager: &Manager,
        selection: &Selection,
        spec: &EnvironmentSpec,
    ) -> Result<(), CliError> {
        match self.given()? {
            Some((lock, _)) => Ok(manager.verify(selection, spec, &lock).await?),
            None => Ok(()),
        }
    }

    /// Creates and starts an environment, which is equal to the lock if there is one.
    pub(super) async fn create(
        &self,
        manager: &Manager,
        selection: &Selection,
        spec: EnvironmentSpec,
    ) -> Result<Environment, CliError> {
        Ok(match self.given()? {
            Some((lock, sources)) => {
                let creating = manager.create_locked(selection, spec, &lock, &sources);
                Box::pin(creating).await?
            }
            None => Box::pin(manager.create_on(selection, spec)).await?,
        })
    }
}
