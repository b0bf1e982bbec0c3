//! The files of an environment that is a directory of this machine.

use std::path::Path;

use super::blocking;
use super::instance::HostInstance;
use super::paths::is_missing;
use crate::BoxFuture;
use crate::engine::instance::Files;
use crate::error::{Error, Result};
use crate::files::copy::{self, Place, Stop, StopOnDrop, Target};
use crate::files::{CopySource, FileKind};

impl Files for HostInstance {
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_in(source, target))
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_out(source, target))
    }

    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<FileKind>>> {
        Box::pin(std::future::ready(self.look_at(path)))
    }
}

impl HostInstance {
    /// Copies in, by the rules of [`Files::copy_in`].
    pub(super) async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        self.check_exists()?;
        let root = self.directory.root();
        let to = self.resolve(target)?;
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(self.engine, move || {
            let to = Place::made_inside(&root, &to)?;
            copy::bring(source, &to, &stop)
        })
        .await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        self.check_exists()?;
        let from = self.resolve(source)?;
        if from.symlink_metadata().is_err() {
            return Err(Error::not_found("the path does not exist in the environment"));
        }
        let (root, to) = (self.directory.root(), target.to_owned());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(self.engine, move || {
            let parent = to.parent().unwrap_or(&to);
            std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
            // If the target is a link to a directory, the copy goes into that directory.
            let to = to.canonicalize().ok().filter(|real| real.is_dir()).unwrap_or(to);
            let from = Place::inside(&root, &from)?;
            copy::copy(&from, &Place::on_host(&to)?, Target::Host, &stop)
        })
        .await
    }

    fn look_at(&self, path: &str) -> Result<Option<FileKind>> {
        self.check_exists()?;
        let path = self.resolve(path)?;
        match path.metadata() {
            Ok(meta) if meta.is_dir() => Ok(Some(FileKind::Directory)),
            Ok(meta) if meta.is_file() => Ok(Some(FileKind::File)),
            Ok(_) => Ok(Some(FileKind::Other)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("inspect", &path, error)),
        }
    }
}
