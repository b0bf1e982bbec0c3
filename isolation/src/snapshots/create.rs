//! Saves the state of an environment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::blocking;
use super::contents::{Contents, PartKind};
use super::digest::Digest;
use super::left_out::LeftOut;
use super::manifest::{Manifest, Snapshot, VERSION, without_values};
use super::part_writer::{PartWriter, Previous};
use super::progress::{OnProgress, Reporter};
use super::store::writer::StoreWriter;
use super::store::{Session, SnapshotStore};
use crate::counted::listed;
use crate::engine::capabilities::Feature;
use crate::engine::saves::Saves;
use crate::environment::Environment;
use crate::environment::checks;
use crate::environment::paused::Paused;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::packages::{Package, PackageManager};

/// How to save an environment: [`Environment::snapshot`].
#[derive(Debug, Clone, Default)]
pub struct SnapshotOptions {
    /// A name for people; any text that no other snapshot of the store has as its name.
    pub name: Option<String>,
    /// An earlier snapshot of the same environment: engines that use directories of this machine
    /// read only files that were changed since. The new snapshot is complete all the same. By
    /// default the newest one, if there is any.
    pub parent: Option<Digest>,
    /// Whether every file is read, also if an earlier snapshot of the environment exists.
    pub full: bool,
    /// Whether compiled Python code belongs to it: the engines `basic` and `virtualenv` leave it
    /// out by default, because Python compiles it again.
    pub bytecode: bool,
    /// Whether the installed packages are listed. That runs commands in the environment.
    pub packages: bool,
    /// Is called with the progress.
    pub progress: OnProgress,
}

/// A snapshot that was saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Saved {
    /// The snapshot.
    #[serde(flatten)]
    pub snapshot: Snapshot,
    /// How many bytes it added to the store: chunks that the store had are not written again.
    pub added: u64,
}

impl Environment {
    /// Saves its state: files, volumes, configuration. It may run; an engine that can pause pauses
    /// it meanwhile, unless it is paused already.
    ///
    /// # Errors
    ///
    /// The kind is [`Conflict`](crate::ErrorKind::Conflict) if another snapshot has the name, or if
    /// a file changes whenever it is read: stop the environment first. After an error the store has
    /// everything that it had before.
    pub async fn snapshot(&self, store: &SnapshotStore, options: SnapshotOptions) -> Result<Saved> {
        let saved = Box::pin(self.save(store, options)).await;
        let shared = self.shared();
        shared.report("save the environment", shared.name(), saved).await
    }

    async fn save(&self, store: &SnapshotStore, options: SnapshotOptions) -> Result<Saved> {
        let shared = self.shared();
        if let Some(name) = options.name.clone() {
            let store = store.clone();
            blocking(move || store.check_name(&name)).await?;
        }
        checks::exists(shared.status())?;
        let Some(saves) = shared.instance.saves() else {
            return Err(shared.no_facet(Feature::Snapshots));
        };
        let packages = match options.packages && self.status() == Status::Running {
            true => inventory(self).await?,
            false => BTreeMap::new(),
        };
        let contents = saves.contents().await?;
        let opening = store.clone();
        let mut writer = blocking(move || opening.writer()).await?;
        let mut parent = self.parent(&writer, store, &options, &contents).await?;
        let paused = Paused::begin(self).await?;
        let mut left_out = contents.left_out.clone();
        let mut parts = Vec::new();
        let work = async {
            for kind in contents.parts.clone() {
                let (part, left);
                let previous = parent
                    .as_mut()
                    .and_then(|parent| parent.parts.remove(&kind.name()));
                (writer, part, left) = Self::save_part(saves, writer, kind, previous, &options).await?;
                parts.push(part);
                left_out.extend(left);
            }
            Ok(writer)
        };
        let saved: Result<StoreWriter> = work.await;
        // Also after an error: a user's environment does not stay paused.
        paused.end(self).await?;
        let writer = saved?;
        let (spec, withheld) = without_values(self.spec())?;
        left_out.extend(always_left_out(self, &withheld));
        let manifest = Manifest {
            version: VERSION,
            created: SystemTime::now(),
            name: options.name,
            parent: parent.map(|parent| parent.id),
            engine: self.engine().to_owned(),
            engine_detail: contents.engine_detail,
            platform: contents.platform,
            environment: self.id().clone(),
            environment_name: self.name().to_owned(),
            source: contents.source,
            location: contents.location,
            spec,
            withheld,
            image: contents.image,
            packages,
            parts,
            left_out,
        };
        let store = store.clone();
        let (snapshot, added) = blocking(move || store.publish(writer, manifest)).await?;
        Ok(Saved { snapshot, added })
    }

    async fn save_part(
        saves: &dyn Saves,
        writer: StoreWriter,
        kind: PartKind,
        previous: Option<Previous>,
        options: &SnapshotOptions,
    ) -> Result<(StoreWriter, super::Part, Vec<LeftOut>)> {
        let progress = Reporter::new(&options.progress, kind.name());
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let part = PartWriter::new(writer, kind, previous, progress, options.bytecode, &stop);
        let part = saves.save(part).await?;
        part.progress.end();
        blocking(move || part.finish()).await
    }

    /// The snapshot from which unchanged files are taken over.
    async fn parent(
        &self,
        writer: &StoreWriter,
        store: &SnapshotStore,
        options: &SnapshotOptions,
        contents: &Contents,
    ) -> Result<Option<Parent>> {
        if options.full {
            return Ok(None);
        }
        let (listed, wanted) = (store.clone(), options.parent);
        let list = blocking(move || listed.list()).await?;
        let mut fitting = list.snapshots.into_iter().filter(|snapshot| {
            snapshot.manifest.environment == *self.id() && snapshot.manifest.source == contents.source
        });
        let found = match wanted {
            None => fitting.next_back(),
            Some(id) => fitting.find(|snapshot| snapshot.id == id),
        };
        let session = Arc::clone(writer.session());
        match (found, wanted) {
            (Some(found), _) => {
                let read = blocking(move || Parent::read(&found, &session)).await;
                match read {
                    // Everything is read anew instead.
                    Err(error) if error.kind() == ErrorKind::Corrupt && wanted.is_none() => Ok(None),
                    read => read.map(Some),
                }
            }
            (None, None) => Ok(None),
            (None, Some(id)) => Err(Error::invalid(format!(
                "{} is not a snapshot of this environment; leave out the parent, or save it in full",
                id.short()
            ))),
        }
    }
}

/// The snapshot on which a new one is based, and its parts by their names.
struct Parent {
    id: Digest,
    parts: BTreeMap<String, Previous>,
}

impl Parent {
    /// Reads the lists of its files. This blocks.
    fn read(snapshot: &Snapshot, session: &Session) -> Result<Self> {
        let mut parts = BTreeMap::new();
        for part in &snapshot.manifest.parts {
            let mut entries = part.entries(session)?;
            let all = entries.len();
            // A file whose content is missing is read anew.
            entries.retain(|entry| entry.chunks().iter().all(|chunk| session.has(chunk)));
            let previous = Previous {
                is_whole: entries.len() == all,
                entries: entries
                    .into_iter()
                    .map(|entry| (entry.path.clone(), entry))
                    .collect(),
                tree: part.tree.clone(),
            };
            parts.insert(part.name.clone(), previous);
        }
        Ok(Self {
            id: snapshot.id,
            parts,
        })
    }
}

/// The parts of an environment that no engine saves.
fn always_left_out(environment: &Environment, withheld: &[String]) -> Vec<LeftOut> {
    let mut left = vec![
        LeftOut::new("the memory of processes", "programs start anew after a restore"),
        LeftOut::new("open sockets and connections", "they end with their processes"),
    ];
    if !withheld.is_empty() {
        let what = format!("the values of the {}", listed(withheld, "variable", "variables"));
        left.push(LeftOut::new(what, "they may be secret; give them at the restore"));
    }
    let networks = &environment.spec().network.join;
    if !networks.is_empty() {
        let what = format!("the {}", listed(networks, "network", "networks"));
        left.push(LeftOut::new(
            what,
            "they belong to others; they must exist at the restore",
        ));
    }
    left
}

/// The packages by the managers that the environment has.
async fn inventory(environment: &Environment) -> Result<BTreeMap<String, Vec<Package>>> {
    let mut found = BTreeMap::new();
    for manager in [
        PackageManager::Pip,
        PackageManager::Apt,
        PackageManager::Apk,
        PackageManager::Npm,
    ] {
        let packages = environment.packages(manager);
        if !packages.are_own() {
            continue; // They are those of the host.
        }
        match packages.list().await {
            Ok(packages) => drop(found.insert(manager.name().to_owned(), packages)),
            // The environment does not have this manager.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
