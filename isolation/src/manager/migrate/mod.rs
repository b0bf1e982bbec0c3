//! Moves the state of an environment to another engine, or to another Docker daemon.
//!
//! Between two daemons everything moves: file system, volumes, configuration. Between engines the
//! files of one directory move: an environment of another engine has other system files, and
//! programs that fit them. A virtual environment of Python moves with its directory if the other
//! interpreter fits, and is installed again from the list of its packages if not.

pub(super) mod carrier;
mod carry;
mod directory;
mod everything;
mod plan;
mod prepared;
mod python;
pub(super) mod specification;
mod tree;

use std::path::{Component, Path};
use std::sync::Arc;

pub use self::plan::{MigrationPlan, Moved, Place, Reinstalled};
use self::prepared::{Prepared, Work};
use super::Manager;
use super::registry::Selection;
use crate::command::Command;
use crate::engine::Engine;
use crate::engines::SANDBOX;
use crate::environment::Environment;
use crate::environment::checks;
use crate::environment::first::{START, UNPAUSE};
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::events::EventKind;
use crate::events::migration_step::MigrationStep;
use crate::packages::PackageIndex;
use crate::snapshots::LeftOut;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;

/// The directory of a new environment to which files move that had none with a name.
const DIRECTORY: &str = "/work";

/// Where an environment is to move: [`Manager::migrate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The name of the engine.
    pub engine: String,
    /// The address of another daemon of that engine, such as `unix:///run/docker.sock`.
    pub address: Option<String>,
}

impl Destination {
    /// An engine of the registry.
    pub fn engine(name: impl Into<String>) -> Self {
        Self {
            engine: name.into(),
            address: None,
        }
    }

    /// An engine at another address.
    pub fn at(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            address: Some(address.into()),
            ..Self::engine(name)
        }
    }
}

/// How to migrate an environment: [`Manager::migrate`].
#[derive(Debug, Clone, Default)]
pub struct MigrateOptions {
    /// The name of the new environment.
    pub name: Option<String>,
    /// How long the new environment lives.
    pub lifetime: Lifetime,
    /// The image of the new environment; by default that of the specification, or that of the
    /// engine.
    pub image: Option<String>,
    /// The directory whose files move, on an engine with a file system of its own. By default the
    /// working directory of the environment, and `/work` in a new one. On the engines `basic` and
    /// `virtualenv` all files of the environment move.
    pub directory: Option<String>,
    /// The index from which packages are installed again.
    pub index: PackageIndex,
    /// Directories in the new environment, or addresses, with archives of packages.
    pub find_links: Vec<String>,
    /// A command that must succeed in the new environment.
    pub probe: Option<Command>,
    /// Whether it is migrated although [`MigrationPlan::blocked`] names something.
    pub accept_losses: bool,
    /// Whether the old environment is destroyed in the end.
    pub remove_source: bool,
}

/// Why a migration is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Nothing may change.
    Plan,
    Migration,
}

/// A migrated environment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Migrated {
    /// The new environment. It is started.
    pub environment: Environment,
    /// The plan that was carried out, with the losses that appeared only then.
    pub plan: MigrationPlan,
    /// Whether the old environment was destroyed.
    pub source_removed: bool,
}

impl Manager {
    /// Lists what [`migrate`](Self::migrate) would move, install again and lose, and changes
    /// nothing. An image that is not there is not pulled: the plan says so in [`Place::pulls`], and
    /// [`MigrationPlan::undecided`] has what depends on it. If the image is there, its interpreter
    /// is asked in an environment that is destroyed at once.
    pub async fn plan_migration(
        &self,
        environment: &Environment,
        to: &Destination,
        options: &MigrateOptions,
    ) -> Result<MigrationPlan> {
        let preparing = self.prepare_migration(environment, to, options, Purpose::Plan);
        let prepared = Box::pin(preparing).await;
        let shared = environment.shared();
        let named = prepared.map_err(|error| error.during("plan the migration of", shared.name()));
        named.map(|prepared| prepared.plan)
    }

    /// Creates and starts an environment on another engine, or on another daemon of the same
    /// engine, with the state of this one, and tests it: every entry point of a virtual environment
    /// runs, the packages are the same, and the probe of the options succeeds. The environment must
    /// run; an engine that can pause pauses it while its files are read. Its programs start anew.
    ///
    /// ```no_run
    /// # use isolation::{Destination, Environment, Manager, MigrateOptions, Result};
    /// # async fn demo(manager: Manager, environment: Environment) -> Result<()> {
    /// let image = Some("python:3.11".to_owned());
    /// let options = MigrateOptions { image, ..MigrateOptions::default() };
    /// let moved = manager.migrate(&environment, &Destination::engine("docker"), options).await?;
    /// for lost in &moved.plan.lost {
    ///     println!("not moved: {} ({})", lost.what, lost.why);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) if the plan is
    /// [blocked](MigrationPlan::blocked). After every error the old environment is as it was, and
    /// nothing is left of the new one.
    pub async fn migrate(
        &self,
        environment: &Environment,
        to: &Destination,
        options: MigrateOptions,
    ) -> Result<Migrated> {
        let (shared, operation) = (environment.shared(), "migrate the environment");
        let migrated = Box::pin(self.migrate_to(environment, to, &options)).await;
        let migrated = migrated.map_err(|e| e.part_of("create the environment", operation, shared.name()));
        shared.report(operation, shared.name(), migrated).await
    }

    async fn migrate_to(
        &self,
        source: &Environment,
        to: &Destination,
        options: &MigrateOptions,
    ) -> Result<Migrated> {
        let preparing = self.prepare_migration(source, to, options, Purpose::Migration);
        let prepared = Box::pin(preparing).await?;
        let Prepared {
            mut plan,
            selection,
            spec,
            work,
        } = prepared;
        if !plan.blocked.is_empty() && !options.accept_losses {
            let listed: Vec<String> = plan
                .blocked
                .iter()
                .map(|one| format!("{} ({})", one.what, one.why))
                .collect();
            let why = format!(
                "it would lose {}; change that, or accept the loss: --accept-losses",
                listed.join(", ")
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        report(source, MigrationStep::Planned);
        let target = match &work {
            Work::Everything => self.move_everything(source, &selection, spec).await?,
            Work::Directory(directories) => {
                self.move_directory(source, &selection, spec, directories, &mut plan)
                    .await?
            }
        };
        let tested = async {
            if let Work::Directory(directories) = &work {
                if let Some(python) = &directories.python {
                    if python.install(&target, options).await? {
                        report(source, MigrationStep::Installed);
                    }
                    python.test(&target).await?;
                }
            }
            if let Some(probe) = &options.probe {
                succeeds(&target, probe).await?;
            }
            super::kept::kept_if_asked(target.clone()).await
        };
        if let Err(error) = tested.await {
            // The first error is returned; the other one is an event.
            let _ = target.destroy().await;
            return Err(error);
        }
        report(source, MigrationStep::Tested);
        // The new environment is complete: an error is an event, and both are there.
        let source_removed = options.remove_source && source.destroy().await.is_ok();
        Ok(Migrated {
            environment: target,
            plan,
            source_removed,
        })
    }

    async fn prepare_migration(
        &self,
        source: &Environment,
        to: &Destination,
        options: &MigrateOptions,
        purpose: Purpose,
    ) -> Result<Prepared> {
        let shared = source.shared();
        checks::exists(shared.status())?;
        if options.lifetime == Lifetime::Shared {
            let why = "a migrated environment cannot be shared; keep it, or let its owner remove it";
            return Err(Error::invalid(why));
        }
        if let Some(directory) = &options.directory {
            check_directory(directory)?;
        }
        check_place(to)?;
        let engine = match &to.address {
            Some(address) => self.registry().reach(&to.engine, address)?,
            None => self.registry().get(&to.engine)?,
        };
        if engine.name() == source.engine() {
            return self.prepare_everything(source, &engine, options).await;
        }
        if source.status() != Status::Running {
            let hint = match source.status() {
                Status::Paused => UNPAUSE.to_owned(),
                _ => format!("the commands of a migration run in it; {START}"),
            };
            return Err(Error::wrong_status(source.status(), hint).in_environment(source.name()));
        }
        Box::pin(self.prepare_directory(source, &engine, options, purpose)).await
    }

    /// The engine with what it can do, if it has all that the specification needs.
    async fn selection_for(&self, engine: &Arc<dyn Engine>, spec: &EnvironmentSpec) -> Result<Selection> {
        let probe = engine.probe_for(&spec.required_features()).await;
        Ok(Selection {
            engine: Arc::clone(engine),
            capabilities: super::registry::check(engine.name(), probe, spec)?,
            rejected: Vec::new(),
        })
    }
}

fn report(source: &Environment, step: MigrationStep) {
    source.shared().emit(EventKind::Migrating { step });
}

/// Runs a command that must succeed.
async fn succeeds(environment: &Environment, command: &Command) -> Result<()> {
    let output = environment.run(command.clone()).await?;
    if output.exit.success() {
        return Ok(());
    }
    let text = output.stderr_text();
    let last = text.lines().last().unwrap_or("it printed no error");
    let why = format!(
        "the probe failed in the new environment (exit code {}): {last}",
        output.exit.code
    );
    Err(Error::new(ErrorKind::Engine, why))
}

/// Rejects a directory that has the system's files in it, too.
fn check_directory(directory: &str) -> Result<()> {
    let path = Path::new(directory);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let system = [
        "bin", "boot", "dev", "etc", "lib", "proc", "run", "sbin", "sys", "usr", "var",
    ];
    let first = path.iter().nth(1).and_then(|name| name.to_str());
    let whole = path.iter().count() == 2 && first.is_some_and(|name| system.contains(&name));
    if path.is_absolute() && plain && first.is_some() && !whole {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{directory:?} cannot move: name a directory of your own by its absolute path, such as {DIRECTORY}"
    )))
}

/// Rejects an address that is not an existing directory, if the engine is one of this machine: it
/// creates its environments there.
fn check_place(to: &Destination) -> Result<()> {
    let is_here = tree::is_of_host(&to.engine) || to.engine == SANDBOX;
    match &to.address {
        Some(address) if is_here && !Path::new(address).is_dir() => Err(Error::not_found(format!(
            "the address of the engine {} must be a directory, and {address} is not an existing directory; \
             create it, or omit the address",
            to.engine
        ))),
        _ => Ok(()),
    }
}

/// The parts that no migration carries.
fn always_lost() -> Vec<LeftOut> {
    vec![
        LeftOut::new("the memory of processes", "programs start anew"),
        LeftOut::new("open sockets and connections", "they end with their processes"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_of_the_system_does_not_move() {
        for good in ["/work", "/usr/src/app", "/home/me/x", "/var/lib/data", "/srv"] {
            check_directory(good).unwrap();
        }
        for bad in ["/", "work", "/usr", "/etc", "/work/../etc", "", "/lib/"] {
            let error = check_directory(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
    }
}
