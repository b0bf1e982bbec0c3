//! The files of an environment, seen through the root of its first process.

use std::path::Path;
use std::sync::Arc;

use super::NAME;
use super::begin_command::is_missing;
use super::instance::SandboxInstance;
use crate::BoxFuture;
use crate::engine::instance::Files;
use crate::engines::host::blocking;
use crate::error::{Error, Result};
use crate::files::copy::{self, Place, Stop, StopOnDrop, Target};
use crate::files::dir::Kind;
use crate::files::{CopySource, FileKind};

impl Files for SandboxInstance {
    fn copy_in<'a>(&'a self, source: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_in(source, target))
    }

    fn copy_out<'a>(&'a self, source: &'a str, target: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.bring_out(source, target))
    }

    fn kind<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Option<FileKind>>> {
        Box::pin(self.look_at(path))
    }
}

impl SandboxInstance {
    /// Copies in, by the rules of [`Files::copy_in`].
    pub(super) async fn bring_in(&self, source: CopySource, target: &str) -> Result<()> {
        self.check_exists()?;
        let (sandbox, target) = (Arc::clone(&self.sandbox), target.to_owned());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(NAME, move || {
            sandbox.with_place(&target, true, |to| copy::bring(source, &to, &stop))
        })
        .await
    }

    async fn bring_out(&self, source: &str, target: &Path) -> Result<()> {
        self.check_exists()?;
        let (sandbox, source, to) = (Arc::clone(&self.sandbox), source.to_owned(), target.to_owned());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(NAME, move || {
            sandbox.with_place(&source, false, |from| {
                if from.kind()?.is_none() {
                    return Err(Error::not_found("the path does not exist in the environment"));
                }
                if from.is_in_proc()? {
                    let why = "files of /proc do not belong to the environment; read them with a command";
                    return Err(Error::invalid(why));
                }
                let parent = to.parent().unwrap_or(&to);
                std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
                // If the target is a link to a directory, that directory is meant.
                let to = to.canonicalize().ok().filter(|real| real.is_dir()).unwrap_or(to);
                copy::copy(&from, &Place::on_host(&to)?, Target::Host, &stop)
            })
        })
        .await
    }

    async fn look_at(&self, path: &str) -> Result<Option<FileKind>> {
        self.check_exists()?;
        let (sandbox, path) = (Arc::clone(&self.sandbox), path.to_owned());
        let kind = blocking(NAME, move || {
            sandbox.with_place(&path, false, |place| place.kind())
        })
        .await;
        match kind {
            Ok(Some(Kind::Directory)) => Ok(Some(FileKind::Directory)),
            Ok(Some(Kind::File)) => Ok(Some(FileKind::File)),
            Ok(Some(_)) => Ok(Some(FileKind::Other)),
            Ok(None) => Ok(None),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
