//! Saves, restores and forks environments that are directories of this machine.

use std::io;
use std::path::{Path, PathBuf};

use super::base::Base;
use super::blocking;
use super::instance::HostInstance;
use crate::BoxFuture;
use crate::counted::counted;
use crate::engine::NewEnvironment;
use crate::engine::forks::{ForkPoint, Forks};
use crate::engine::saves::Saves;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};
use crate::files::copy::{Place, Stop, StopOnDrop};
use crate::snapshots::{
    Contents, Differing, Owners, PartKind, PartReader, PartWriter, SavedState, Seen, View, clone_tree_with,
    put,
};

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

    fn save_directory<'a>(
        &'a self,
        path: &'a str,
        mut part: PartWriter,
    ) -> BoxFuture<'a, Result<Option<PartWriter>>> {
        Box::pin(async move {
            self.check_exists()?;
            let directory = self.resolve(path)?;
            blocking(self.engine, move || {
                part.add_directory_as(&directory, &View::of(owners()))?;
                Ok(Some(part))
            })
            .await
        })
    }

    fn write_directory<'a>(&'a self, path: &'a str, part: PartReader) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            self.check_exists()?;
            let (root, to) = (self.directory().root(), self.resolve(path)?);
            let stop = Stop::default();
            let _guard = StopOnDrop(stop.clone());
            blocking(self.engine, move || {
                let at = Place::made_inside(&root, &to)?;
                let differing = put(&part, &at, owners(), &stop)?;
                Ok(Some(differing.owners))
            })
            .await
        })
    }
}

/// The users of this machine, as those of an environment: root has them all, another user only
/// itself.
fn owners() -> Owners {
    match rustix::process::geteuid().is_root() {
        true => Owners::Same,
        false => Owners::Caller,
    }
}

impl Forks for HostInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        let point = self.check_exists().map(|()| {
            let root = self.directory().root();
            ForkPoint::new(Original { root }).of_original()
        });
        Box::pin(std::future::ready(point))
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
        self.warn(&new, differing);
        Ok(made)
    }

    /// Reports the entries that are not as in the snapshot.
    fn warn(&self, new: &NewEnvironment<'_>, differing: Differing) {
        let owners = (differing.owners > 0).then(|| {
            counted(
                differing.owners,
                "file belongs to this user instead of its owner",
                "files belong to this user instead of their owners",
            )
        });
        for message in owners.into_iter().chain(differing.about_links()) {
            let subject = Subject::Environment {
                id: new.id.clone(),
                name: new.name.to_owned(),
                engine: self.engine().to_owned(),
            };
            new.context.emit(subject, EventKind::Warning { message });
        }
    }

    /// The root of the environment of a fork point.
    pub(crate) fn original(point: &ForkPoint) -> Result<&Path> {
        match point.get() {
            Some(Original { root }) => Ok(root.as_path()),
            None => Err(Error::invalid("the fork point belongs to another engine")),
        }
    }

    /// Creates the directory of an environment with copies of the files of another one, and looks
    /// at each of them.
    pub(crate) async fn fork(
        &self,
        new: NewEnvironment<'_>,
        point: &ForkPoint,
        look: impl Fn(&Path, Seen<'_>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<HostInstance> {
        let root = Self::original(point)?.to_owned();
        let made = self.begin_empty(new)?;
        made.directory().lay_out_root()?;
        let to = made.directory().root();
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        blocking(self.engine(), move || clone_tree_with(&root, &to, &stop, &look)).await?;
        Ok(made)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::context::Context;
    use crate::engines::basic::BasicEngine;
    use crate::environment::id::EnvironmentId;
    use crate::events::EventSink;
    use crate::journal::Journal;
    use crate::snapshots::{SnapshotStore, testing};
    use crate::spec::EnvironmentSpec;

    #[test]
    fn fork_point_of_another_engine_is_refused() {
        let error = Base::original(&ForkPoint::new(7)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("another engine"), "{error}");
    }

    fn new<'a>(id: &'a EnvironmentId, spec: &'a EnvironmentSpec, context: &'a Context) -> NewEnvironment<'a> {
        NewEnvironment {
            id,
            name: "web",
            spec,
            context,
            ahead: None,
        }
    }

    #[tokio::test]
    async fn snapshot_without_a_file_system_is_not_restored() {
        let [base, kept] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let store = SnapshotStore::open(Some(kept.path())).unwrap();
        let state = testing::state(&store, base.path(), |manifest| manifest.parts.clear()).await;
        let (id, spec) = (EnvironmentId::random(), EnvironmentSpec::default());
        let context = Context::new(EventSink::default(), Journal::of(None, &id));
        let engine = BasicEngine::below(base.path());
        let restored = engine.restore(new(&id, &spec, &context), &state).await;
        let error = restored.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("has no file system"), "{error}");
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_that_differ_are_reported() {
        let (id, spec, events) = (
            EnvironmentId::random(),
            EnvironmentSpec::default(),
            EventSink::default(),
        );
        let context = Context::new(events.clone(), Journal::of(None, &id));
        let base = Base::new("basic", std::env::temp_dir());
        let differing = |owners, links| Differing {
            owners,
            links,
            ..Differing::default()
        };
        base.warn(&new(&id, &spec, &context), differing(0, 0));
        assert!(events.of(&id).is_empty());
        base.warn(&new(&id, &spec, &context), differing(2, 1));
        let found = events.of(&id).into_iter().map(|event| match event.kind {
            EventKind::Warning { message } => message,
            other => panic!("{other:?}"),
        });
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                "2 files belong to this user instead of their owners",
                "one name of a file is a copy of it, because the file system has no hard links"
            ]
        );
    }
}
