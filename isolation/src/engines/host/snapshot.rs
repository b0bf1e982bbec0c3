//! Saves, restores and forks environments that are directories of this machine.

use std::path::PathBuf;

use super::base::Base;
use super::blocking;
use super::instance::HostInstance;
use crate::BoxFuture;
use crate::engine::NewEnvironment;
use crate::engine::forks::{ForkPoint, Forks};
use crate::engine::saves::Saves;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};
use crate::files::copy::{Stop, StopOnDrop};
use crate::snapshots::{Contents, Owners, PartKind, PartWriter, SavedState, clone_tree};

/// The directory that forks copy.
#[derive(Debug)]
struct Original {
    root: PathBuf,
}

impl Saves for HostInstance {
    fn contents(&self) -> BoxFuture<'_, Result<Contents>> {
        let setup = std::sync::Arc::clone(&self.setup);
        Box::pin(async move {
            self.check_exists()?;
            let root = self.directory().root();
            Ok(Contents {
                parts: vec![PartKind::Root],
                left_out: blocking(self.engine, move || setup.left_out()).await?,
                source: root.display().to_string(),
                engine_detail: format!("isolation {}", env!("CARGO_PKG_VERSION")),
                platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
                location: Some(root),
                image: None,
            })
        })
    }

    fn save(&self, mut part: PartWriter) -> BoxFuture<'_, Result<PartWriter>> {
        Box::pin(async move {
            self.check_exists()?;
            let root = self.directory().root();
            blocking(self.engine, move || {
                part.add_directory(&root)?;
                Ok(part)
            })
            .await
        })
    }
}

impl Forks for HostInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        let point = self.check_exists().map(|()| {
            let root = self.directory().root();
            ForkPoint::new(Original { root })
        });
        Box::pin(std::future::ready(point))
    }

    /// It is the directory itself.
    fn is_lasting(&self) -> bool {
        false
    }
}

impl Base {
    /// Creates the directory of an environment with the files of a snapshot, which is not complete
    /// yet.
    pub(crate) async fn restore(&self, new: NewEnvironment<'_>, state: &SavedState) -> Result<HostInstance> {
        let Some(part) = state.manifest().part(&PartKind::Root.name()) else {
            return Err(Error::new(ErrorKind::Corrupt, "the snapshot has no file system"));
        };
        let (made, reader) = (self.begin_empty(new)?, state.part(part));
        made.directory().lay_out_root()?;
        let root = made.directory().root();
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let differing = blocking(self.engine(), move || {
            reader.write_directory_as(&root, Owners::Same, &stop)
        })
        .await?;
        if differing.owners > 0 {
            let message = format!(
                "{} files belong to this user instead of their owners",
                differing.owners
            );
            let subject = Subject::Environment {
                id: new.id.clone(),
                name: new.name.to_owned(),
                engine: self.engine().to_owned(),
            };
            new.context.emit(subject, EventKind::Warning { message });
        }
        Ok(made)
    }

    /// Creates the directory of an environment with copies of the files of another one; returns the
    /// root of that one, too.
    pub(crate) async fn fork(
        &self,
        new: NewEnvironment<'_>,
        point: &ForkPoint,
    ) -> Result<(HostInstance, PathBuf)> {
        let Some(Original { root }) = point.get() else {
            return Err(Error::invalid("the fork point belongs to another engine"));
        };
        let made = self.begin_empty(new)?;
        made.directory().lay_out_root()?;
        let (from, to) = (root.clone(), made.directory().root());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(self.engine(), move || clone_tree(&from, &to, &stop)).await?;
        Ok((made, root.clone()))
    }
}

/// Refuses a snapshot of another engine, whose files have other paths and owners.
pub(crate) fn check_engine(engine: &str, state: &SavedState) -> Result<()> {
    let from = &state.manifest().engine;
    match from == engine {
        true => Ok(()),
        false => {
            let why = format!(
                "the snapshot is one of the engine {from}, whose files the engine {engine} cannot use; \
                 restore it on the engine {from}, then migrate the environment: isolate migrate ENVIRONMENT \
                 {engine}"
            );
            Err(Error::new(ErrorKind::Unsupported, why))
        }
    }
}
