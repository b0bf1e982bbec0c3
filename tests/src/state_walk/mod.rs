//! A random walk through environments, snapshots, forks and migrations, against a model of their
//! files.
//!
//! After each step the files of every environment that took part are those of the model. The seed
//! of a failed walk is in its report; the environment variable `STATE_SEED` repeats it.

mod packages;
mod places;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use isolation::snapshots::{RestoreOptions, Snapshot, SnapshotOptions, SnapshotStore};
use isolation::{
    Command, Destination, EngineChoice, Environment, Error, ForkOptions, Manager, MigrateOptions, Registry,
    Result, Signal, Status,
};

use packages::Packages;
pub use places::Containers;
use places::Place;

/// The most environments and snapshots at the same time.
const MOST: usize = 4;

/// The files that a step may change, relative to the working directory.
const FILES: [&str; 6] = ["a", "b", "d/a", "d/b c", "d/e/f", "src/x"];

/// The content of each file by its path.
type Files = BTreeMap<String, String>;

/// The state that an environment or a snapshot must have.
#[derive(Debug, Clone, Default)]
struct Model {
    files: Files,
    /// The packages of its own; without them, those of Python belong to the host, or are lost.
    packages: Option<Packages>,
}

struct Walk<'a> {
    manager: &'a Manager,
    store: &'a SnapshotStore,
    places: &'a [Place],
    state: u64,
    environments: Vec<(Environment, Model)>,
    snapshots: Vec<(Snapshot, Model)>,
    /// A directory with the archives of packages, if there is a Python.
    wheels: Option<PathBuf>,
    log: Vec<String>,
}

/// The seed of the environment variable `STATE_SEED`, or a random one.
fn seed() -> std::result::Result<u64, String> {
    match std::env::var("STATE_SEED") {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("STATE_SEED is {text:?}, and not a number")),
        Err(_) => Ok(RandomState::new().build_hasher().finish()),
    }
}

/// Walks so many steps between the engines of this machine that can be used, and containers if
/// there is a daemon. Everything is below `base`, a directory of the caller; nothing of
/// the environments is left in it.
///
/// # Errors
///
/// The seed, the steps so far, and why the last one failed.
pub async fn walk_below(
    base: &Path,
    docker: Option<Containers<'_>>,
    steps: usize,
) -> std::result::Result<(), String> {
    let environments = base.join("environments");
    std::fs::create_dir(&environments).map_err(|error| error.to_string())?;
    let mut registry = Registry::new();
    let places = places::register(&mut registry, base, &environments, docker).await;
    let places = places.map_err(|error| crate::chain(&error))?;
    let store = SnapshotStore::open(Some(&base.join("store"))).map_err(|error| crate::chain(&error))?;
    let manager = Manager::new(registry);
    let wheels = packages::wheels(&manager, &places, base).await;
    let seed = seed()?;
    let mut walk = Walk {
        manager: &manager,
        store: &store,
        places: &places,
        state: seed | 1,
        environments: Vec::new(),
        snapshots: Vec::new(),
        wheels: wheels.map_err(|error| crate::chain(&error))?,
        log: Vec::new(),
    };
    if let Err(why) = walk.all(steps).await {
        let (last, before) = walk
            .log
            .split_last()
            .map_or(("", &[][..]), |(last, all)| (last, all));
        let before = before.join("\n  ");
        return Err(format!(
            "STATE_SEED={seed}: step {}, {last}: {why}; after the steps\n  {before}",
            walk.log.len()
        ));
    }
    let left = std::fs::read_dir(&environments).map_err(|error| error.to_string())?;
    match left.count() {
        0 => Ok(()),
        count => Err(format!("{count} directories of environments are left")),
    }
}

impl Walk<'_> {
    /// Walks so many steps, and destroys everything in the end.
    async fn all(&mut self, steps: usize) -> std::result::Result<(), String> {
        for _ in 0..steps {
            Box::pin(self.step())
                .await
                .map_err(|error| crate::chain(&error))?;
            Box::pin(self.check()).await?;
        }
        for (environment, model) in &self.environments {
            check(environment, model, true).await?;
        }
        for (environment, _) in std::mem::take(&mut self.environments) {
            self.log.push(named("destroy", &environment));
            environment
                .destroy()
                .await
                .map_err(|error| crate::chain(&error))?;
        }
        Ok(())
    }

    /// A number below `end`.
    fn random(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap_or_default()
    }

    async fn step(&mut self) -> Result<()> {
        if self.environments.is_empty() {
            return self.create().await;
        }
        let at = self.random(self.environments.len());
        let is_full = self.environments.len() >= MOST;
        match self.random(20) {
            0 if !is_full => Box::pin(self.create()).await,
            1 if !is_full => Box::pin(self.fork(at)).await,
            2 if !is_full && !self.snapshots.is_empty() => Box::pin(self.restore()).await,
            3 | 4 => Box::pin(self.snapshot(at)).await,
            5 => Box::pin(self.kill(at)).await,
            6 => Box::pin(self.migrate(at)).await,
            7 if is_full => Box::pin(self.destroy(at)).await,
            8 if self.snapshots.len() >= MOST => self.forget(),
            9 => Box::pin(self.change_packages(at)).await,
            _ => Box::pin(self.change(at)).await,
        }
    }

    async fn create(&mut self) -> Result<()> {
        let at = self.random(self.places.len());
        let place = &self.places[at];
        self.log.push(format!("create on {}", place.engine));
        let choice = EngineChoice::Named(place.engine.clone());
        let made = self.manager.create(&choice, place.spec.clone()).await?;
        let mut model = Model::default();
        if place.engine == "virtualenv" {
            model.packages = Some(Packages::new());
        }
        self.environments.push((made, model));
        Ok(())
    }

    async fn change(&mut self, at: usize) -> Result<()> {
        let number = self.random(FILES.len());
        let (name, size) = (FILES[number], self.random(3));
        let action = self.random(4);
        let text = format!("{}-{}", self.log.len(), "x".repeat(size * 700));
        let (environment, Model { files, .. }) = &mut self.environments[at];
        let script = match action {
            0 => {
                files.remove(name);
                format!("rm -f '{name}'")
            }
            1 => {
                let added = files.entry(name.to_owned()).or_default();
                added.push_str(&text);
                format!("printf %s {text} >>'{name}'")
            }
            _ => {
                files.insert(name.to_owned(), text.clone());
                format!("printf %s {text} >'{name}'")
            }
        };
        self.log
            .push(format!("{}: {script:.40}", named("change", environment)));
        let script = format!("mkdir -p d/e src && {script}");
        let output = environment.run(Command::shell(script)).await?;
        match output.exit.success() {
            true => Ok(()),
            false => Err(Error::engine("walk", output.stderr_text())),
        }
    }

    async fn snapshot(&mut self, at: usize) -> Result<()> {
        let full = self.random(3) == 0;
        let (environment, model) = &self.environments[at];
        self.log
            .push(format!("{}, full: {full}", named("snapshot", environment)));
        let options = SnapshotOptions {
            full,
            ..SnapshotOptions::default()
        };
        let saved = environment.snapshot(self.store, options).await?;
        self.snapshots.push((saved.snapshot, model.clone()));
        Ok(())
    }

    async fn restore(&mut self) -> Result<()> {
        let at = self.random(self.snapshots.len());
        let (snapshot, mut model) = self.snapshots[at].clone();
        self.log.push(format!(
            "restore {} on {}",
            snapshot.id.short(),
            snapshot.manifest.engine
        ));
        let options = RestoreOptions::default();
        let restored = self.manager.restore(self.store, &snapshot, options).await?;
        // A snapshot has no values of variables, and one of them names the virtual environment that
        // has migrated to another engine.
        if restored.environment.engine() != "virtualenv" {
            model.packages = None;
        }
        self.environments.push((restored.environment, model));
        Ok(())
    }

    async fn fork(&mut self, at: usize) -> Result<()> {
        let (environment, model) = self.environments[at].clone();
        self.log.push(named("fork", &environment));
        let forks = self.manager.fork(&environment, 2, ForkOptions::default()).await?;
        for fork in forks {
            self.environments.push((fork, model.clone()));
        }
        Ok(())
    }

    async fn migrate(&mut self, at: usize) -> Result<()> {
        let (environment, mut model) = self.environments[at].clone();
        let other = self.random(self.places.len());
        let place = &self.places[other];
        if place.engine == environment.engine() {
            return Ok(());
        }
        self.log
            .push(format!("{} to {}", named("migrate", &environment), place.engine));
        let options = MigrateOptions {
            image: place.image.clone(),
            directory: place.spec.working_dir.clone(),
            accept_losses: true,
            remove_source: true,
            ..MigrateOptions::default()
        };
        let to = Destination::engine(place.engine.clone());
        let migrated = self.manager.migrate(&environment, &to, options).await?;
        model.packages = packages::after_migration(&migrated, model.packages).await?;
        self.environments[at] = (migrated.environment, model);
        Ok(())
    }

    async fn kill(&mut self, at: usize) -> Result<()> {
        let environment = self.environments[at].0.clone();
        self.log.push(named("kill", &environment));
        environment.kill(Signal::Kill).await?;
        environment.start().await
    }

    async fn destroy(&mut self, at: usize) -> Result<()> {
        let (environment, _) = self.environments.swap_remove(at);
        self.log.push(named("destroy", &environment));
        environment.destroy().await
    }

    /// Removes a snapshot, which may be in the middle of a chain.
    fn forget(&mut self) -> Result<()> {
        let at = self.random(self.snapshots.len());
        let (snapshot, _) = self.snapshots.swap_remove(at);
        self.log.push(format!("remove {}", snapshot.id.short()));
        self.store.remove(&snapshot.id)?;
        self.store.gc().map(drop)
    }

    /// Compares one environment with the model, and that all run.
    async fn check(&mut self) -> std::result::Result<(), String> {
        if self.environments.is_empty() {
            return Ok(());
        }
        let at = self.random(self.environments.len());
        let with_packages = self.random(4) == 0;
        if let Some((gone, _)) = self
            .environments
            .iter()
            .find(|(one, _)| one.status() != Status::Running)
        {
            return Err(format!("{} is {}", named("environment", gone), gone.status()));
        }
        let (environment, model) = &self.environments[at];
        check(environment, model, with_packages).await
    }
}

/// An action with the environment and its engine, for a report.
fn named(action: &str, environment: &Environment) -> String {
    format!("{action} {} ({})", environment.name(), environment.engine())
}

/// Compares an environment with the model.
async fn check(
    environment: &Environment,
    model: &Model,
    with_packages: bool,
) -> std::result::Result<(), String> {
    let script = "for f in a b d/a 'd/b c' d/e/f src/x; do
        if [ -f \"$f\" ]; then printf '%s\\t%s\\n' \"$f\" \"$(cat \"$f\")\"; fi; done";
    let output = environment.run(Command::shell(script)).await;
    let output = output.map_err(|error| crate::chain(&error))?;
    let text = output.stdout_text();
    let found: Files = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, content)| (name.to_owned(), content.to_owned()))
        .collect();
    if found != model.files {
        let differences = differences(&found, &model.files);
        let errors = output.stderr_text();
        return Err(format!(
            "{}: {differences}; standard error: {errors:?}",
            named("environment", environment)
        ));
    }
    match &model.packages {
        Some(expected) if with_packages => packages::check(environment, expected).await,
        _ => Ok(()),
    }
}

/// The files that differ, with the beginnings of their contents.
fn differences(found: &Files, expected: &Files) -> String {
    let shown = |files: &Files, name: &str| match files.get(name) {
        Some(content) => format!("{content:.12?} of {} bytes", content.len()),
        None => "nothing".to_owned(),
    };
    let names = FILES
        .iter()
        .filter(|name| found.get(**name) != expected.get(**name));
    let lines = names.map(|name| {
        format!(
            "{name} has {} instead of {}",
            shown(found, name),
            shown(expected, name)
        )
    });
    lines.collect::<Vec<_>>().join(", ")
}
