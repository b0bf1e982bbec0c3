//! Moves the files of one directory to an environment of another engine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::carrier::Carrier;
use super::carry;
use super::plan::{MigrationPlan, Moved, Place};
use super::prepared::{Directories, Prepared, Work};
use super::specification::Adapted;
use super::tree::{self, Side};
use super::{DIRECTORY, MigrateOptions, Purpose, always_lost, check_directory, python, report};
use crate::counted::counted;
use crate::engine::Engine;
use crate::engine::capabilities::Feature;
use crate::engines::docker;
use crate::environment::Environment;
use crate::environment::paused::Paused;
use crate::error::{Error, Result};
use crate::events::migration_step::MigrationStep;
use crate::files::FileKind;
use crate::manager::Manager;
use crate::manager::registry::Selection;
use crate::snapshots::LeftOut;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::mount::{Mount, MountSource};

/// How many lost files a plan names.
const NAMED: usize = 5;

impl Manager {
    pub(super) async fn prepare_directory(
        &self,
        source: &Environment,
        engine: &Arc<dyn Engine>,
        options: &MigrateOptions,
        purpose: Purpose,
    ) -> Result<Prepared> {
        let from = tree::side_of(source, options.directory.as_deref()).await?;
        let to = match (tree::is_of_host(engine.name()), from.host) {
            (true, _) => Side::host(),
            (false, true) => Side::inside(options.directory.as_deref().unwrap_or(DIRECTORY)),
            (false, false) => Side::inside(&from.path),
        };
        if !from.host {
            check_directory(&from.path)?;
            check_on_disk(source, &from.path)?;
            if options.directory.is_some() {
                check_is_there(source, &from.path).await?;
            }
        }
        let capabilities = engine.probe().await.capabilities;
        let adapted = Adapted::new(source, engine.name(), &capabilities, options, (&from, &to));
        let Adapted { mut spec, mut lost } = adapted;
        lost.extend(outside(source, &from).await?);
        if !from.host && !rustix::process::geteuid().is_root() && engine.name() != docker::NAME {
            lost.push(LeftOut::new(
                "owners that the new environment does not have, and the bits setuid and setgid of such files",
                "without root, it has only the users that this machine allows",
            ));
        }
        let mut plan = MigrationPlan {
            from: Place {
                engine: source.engine().to_owned(),
                address: None,
                image: source.spec().image.clone(),
                pulls: false,
            },
            to: Place {
                engine: engine.name().to_owned(),
                address: engine.address(),
                image: None,
                pulls: false,
            },
            moves: vec![Moved::new(
                from.described(source.engine()),
                to.described(engine.name()),
            )],
            reinstalled: Vec::new(),
            undecided: Vec::new(),
            lost,
            blocked: Vec::new(),
            hints: Vec::new(),
        };
        let mut filled = spec.clone();
        engine.fill_in(&mut filled);
        let has_images = capabilities.has(Feature::Images);
        plan.to.pulls = has_images && !engine.has_image(&filled).await?;
        let python = match python::of(source, &from).await? {
            None => None,
            Some(found) if plan.to.pulls && purpose == Purpose::Plan => {
                plan.undecided.push(found.undecided());
                plan.hints
                    .extend(found.better_image(filled.image.as_deref(), None));
                None
            }
            Some(found) => {
                let asked = Box::pin(self.ask_target(engine, &mut spec, &found)).await?;
                if has_images {
                    plan.hints
                        .extend(found.better_image(filled.image.as_deref(), Some(asked.as_ref())));
                }
                python::plan(found, asked, engine.name(), &from, &to, &mut spec, &mut plan)?
            }
        };
        if plan.undecided.is_empty() {
            let left = tree::left_behind(source, &from, &to, python.is_some()).await?;
            plan.lost.extend(left);
        }
        engine.fill_in(&mut spec);
        plan.to.image = spec.image.clone().filter(|_| has_images);
        let selection = self.selection_for(engine, &spec).await?;
        Ok(Prepared {
            plan,
            selection,
            spec,
            work: Work::Directory(Box::new(Directories { from, to, python })),
        })
    }

    /// The interpreter of a new environment: it is created and destroyed again.
    async fn ask_target(
        &self,
        engine: &Arc<dyn Engine>,
        spec: &mut EnvironmentSpec,
        found: &python::Found,
    ) -> Result<Option<python::Python>> {
        let wants = python::wants(engine.name(), spec, found);
        let asking = EnvironmentSpec {
            image: spec.image.clone(),
            engine_options: spec.engine_options.clone(),
            user: spec.user.clone(),
            lifetime: Lifetime::Owner,
            ..EnvironmentSpec::default()
        };
        let created = self.started_for(engine, asking.clone()).await;
        let asked = match created {
            // The same version is not on this machine; another one is as good as it can be.
            Err(error) if wants && error.is_not_found() => {
                spec.engine_options.remove(engine.name());
                let asking = EnvironmentSpec {
                    engine_options: spec.engine_options.clone(),
                    ..asking
                };
                self.started_for(engine, asking).await?
            }
            other => other?,
        };
        let answer = python::ask(&asked).await;
        asked.destroy().await?;
        answer
    }

    async fn started_for(&self, engine: &Arc<dyn Engine>, spec: EnvironmentSpec) -> Result<Environment> {
        let selection = self.selection_for(engine, &spec).await?;
        let created = self.create_guarded(&selection, spec).await?;
        self.started(created).await
    }

    pub(super) async fn move_directory(
        &self,
        source: &Environment,
        selection: &Selection,
        spec: EnvironmentSpec,
        directories: &Directories,
        plan: &mut MigrationPlan,
    ) -> Result<Environment> {
        let carrier = Carrier::new(self.state.directory()?)?;
        let (files, store) = (carrier.path().join("files"), carrier.path().join("store"));
        plan.lost.extend(carry::sockets(source, &directories.from).await?);
        let paused = Paused::begin(source).await?;
        let read = carry::read(source, &directories.from, &files, &store).await;
        // Also after an error: a user's environment does not stay paused.
        paused.end(source).await?;
        let (entries, mut left) = read?;
        let (from, to) = (&directories.from, &directories.to);
        left.extend(tree::prune(&files, from, to, directories.python.is_some()).await?);
        for one in left {
            if !plan.lost.contains(&one) {
                plan.lost.push(one);
            }
        }
        report(source, MigrationStep::Read);
        let target = self.create_guarded(selection, spec).await?;
        let written = async {
            let seen = tree::seen(&target, &directories.to).await?;
            if let Some(python) = &directories.python {
                python.prepare(&files, &directories.from, &seen).await?;
                python.make_room(&target).await?;
            }
            let lost = carry::write(&target, &files, entries, &directories.to, &store).await?;
            target.start().await.map(|()| lost)
        };
        match written.await {
            Ok(lost) => plan.lost.extend(lost),
            Err(error) => {
                // The first error is returned; the other one is an event.
                let _ = target.destroy().await;
                return Err(error);
            }
        }
        report(source, MigrationStep::Written);
        Ok(target)
    }
}

/// Rejects a directory that only the processes of a container see.
fn check_on_disk(source: &Environment, directory: &str) -> Result<()> {
    let around = |mount: &&Mount| Path::new(directory).starts_with(&mount.target);
    let mounts = source.spec().mounts.iter().filter(around);
    match mounts.max_by_key(|mount| mount.target.len()) {
        Some(mount)
            if source.engine() == docker::NAME && matches!(mount.source, MountSource::Tmpfs { .. }) =>
        {
            Err(Error::in_memory(directory, &mount.target))
        }
        _ => Ok(()),
    }
}

/// Rejects what is no directory of the environment.
async fn check_is_there(source: &Environment, directory: &str) -> Result<()> {
    match source.file_kind(directory).await? {
        Some(FileKind::Directory) => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "{directory} is not a directory in the environment; name the directory that is to move"
        ))),
        None => Err(Error::not_found(format!(
            "the environment has no directory {directory}; name the directory that is to move"
        ))),
    }
}

/// The changed files, without the directories in which they are, and without code that Python has
/// compiled: it compiles the code again.
fn leaves<'a>(changed: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let changed: Vec<&str> = changed.map(String::as_str).collect();
    let above = |path: &&'a str| Path::new(*path).ancestors().skip(1);
    let parents: HashSet<&Path> = changed.iter().flat_map(above).collect();
    let is_compiled = |path: &Path| path.iter().any(|part| part == "__pycache__");
    let is_leaf = |path: &&str| !parents.contains(Path::new(*path)) && !is_compiled(Path::new(*path));
    changed.into_iter().filter(is_leaf).collect()
}

/// The state of the environment beside the directory that moves.
async fn outside(source: &Environment, from: &Side) -> Result<Vec<LeftOut>> {
    let mut lost = always_lost();
    let Some(saves) = source.shared().instance.saves() else {
        return Ok(lost);
    };
    // Paths outside of a virtual environment that its files name.
    let contents = saves.contents().await?;
    if from.host {
        let base = |left: &LeftOut| left.what.starts_with("the base interpreter");
        lost.extend(contents.left_out.into_iter().filter(|left| !base(left)));
        return Ok(lost);
    }
    if source.engine() == docker::NAME {
        lost.push(LeftOut::parts_of_seconds());
    }
    let mounts = &source.spec().mounts;
    let in_memory = mounts
        .iter()
        .filter(|mount| matches!(mount.source, MountSource::Tmpfs { .. }));
    lost.extend(in_memory.map(|mount| LeftOut::in_memory(&mount.target)));
    let Some(changed) = saves.changed().await? else {
        return Ok(lost);
    };
    let top = PathBuf::from(&from.path);
    let is_outside = |path: &&String| {
        let path = Path::new(path.as_str());
        // A directory is changed if something in it is, or is mounted in it.
        let has_mount = mounts
            .iter()
            .any(|mount| Path::new(&mount.target).starts_with(path));
        !path.starts_with(&top) && !top.starts_with(path) && !has_mount
    };
    let leaves = leaves(changed.iter().filter(is_outside));
    if !leaves.is_empty() {
        let what = format!(
            "{} outside of {}, such as {}",
            counted(leaves.len(), "changed file", "changed files"),
            from.path,
            leaves[..leaves.len().min(NAMED)].join(", ")
        );
        lost.push(LeftOut::new(
            what,
            "they belong to the system of the environment; the new one has its own",
        ));
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_have_no_directories_nor_bytecode() {
        let changed = [
            "/usr",
            "/usr/lib/python3",
            "/usr/lib/python3/__pycache__",
            "/usr/lib/python3/__pycache__/os.cpython-311.pyc",
            "/usr/lib",
            "/usr/library",
            "/etc/app/conf",
            "/etc/app",
        ];
        let changed = changed.map(str::to_owned);
        assert_eq!(leaves(changed.iter()), ["/usr/library", "/etc/app/conf"]);
        assert!(leaves([].iter()).is_empty());
    }
}
