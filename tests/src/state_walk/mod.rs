//! A random walk through environments, snapshots, forks and migrations, against a model of their
//! files.
//!
//! After each step the files of every environment that took part are those of the model. The seed
//! of a failed walk is in its report; the environment variable `STATE_SEED` repeats it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::DockerEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::SandboxEngine;
#[cfg(target_os = "linux")]
use isolation::engines::sandbox::images::{ImageSource, ImportImage};
use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvOptions};
use isolation::snapshots::{RestoreOptions, Snapshot, SnapshotOptions, SnapshotStore};
use isolation::{
    Command, Destination, Engine, EngineChoice, Environment, EnvironmentSpec, Error, ForkOptions, Manager,
    MigrateOptions, Registry, Result, Signal, Status,
};

/// The most environments and snapshots at the same time.
const MOST: usize = 4;

/// The files that a step may change, relative to the working directory.
const FILES: [&str; 6] = ["a", "b", "d/a", "d/b c", "d/e/f", "src/x"];

/// The content of each file by its path.
type Files = BTreeMap<String, String>;

/// An engine of the walk.
#[derive(Debug, Clone)]
struct Place {
    engine: String,
    /// The specification of its environments; its working directory is the one that moves.
    spec: EnvironmentSpec,
    /// The image for environments that migrate to it.
    image: Option<String>,
}

struct Walk<'a> {
    manager: &'a Manager,
    store: &'a SnapshotStore,
    places: &'a [Place],
    state: u64,
    environments: Vec<(Environment, Files)>,
    snapshots: Vec<(Snapshot, Files)>,
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

/// Containers of an image.
#[derive(Debug)]
pub struct Containers<'a> {
    /// The engine.
    pub engine: DockerEngine,
    /// The image of its environments.
    pub image: &'a str,
    /// Whether the image has programs: then it is imported for sandboxes, too.
    pub has_programs: bool,
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
    let places = register(&mut registry, base, &environments, docker).await;
    let places = places.map_err(|error| crate::chain(&error))?;
    let store = SnapshotStore::open(Some(&base.join("store"))).map_err(|error| crate::chain(&error))?;
    walk(&Manager::new(registry), &store, &places, steps, seed()?).await?;
    let left = std::fs::read_dir(&environments).map_err(|error| error.to_string())?;
    match left.count() {
        0 => Ok(()),
        count => Err(format!("{count} directories of environments are left")),
    }
}

/// Registers the engines, and returns them.
async fn register(
    registry: &mut Registry,
    base: &Path,
    environments: &Path,
    docker: Option<Containers<'_>>,
) -> Result<Vec<Place>> {
    let place = |engine: &str, spec: EnvironmentSpec| Place {
        engine: engine.to_owned(),
        spec,
        image: None,
    };
    let at_work = || EnvironmentSpec {
        working_dir: Some("/work".to_owned()),
        ..EnvironmentSpec::default()
    };
    let mut places = vec![place("basic", EnvironmentSpec::default())];
    registry.register(BasicEngine::below(environments))?;
    let python = VirtualenvEngine::below(environments).with_cache(base.join("cache"));
    if python.probe().await.availability.is_available() {
        let mut spec = EnvironmentSpec::default();
        VirtualenvOptions {
            without_pip: true,
            ..VirtualenvOptions::default()
        }
        .add_to(&mut spec);
        registry.register(python)?;
        places.push(place("virtualenv", spec));
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::PermissionsExt;
        for directory in [base, environments] {
            // The users of a sandbox must pass.
            let mode = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(directory, mode).map_err(|error| Error::engine("walk", error))?;
        }
        let sandbox = SandboxEngine::below(environments).with_cache(base.join("images"));
        let is_there = sandbox.probe().await.availability.is_available();
        let mut has_image = true;
        if let (true, Some(docker)) = (is_there, &docker) {
            has_image = docker.has_programs;
            if has_image {
                import(&sandbox, docker).await?;
            }
        }
        if is_there && has_image {
            registry.register(sandbox)?;
            places.push(place("sandbox", at_work()));
        }
    }
    if let Some(Containers { engine, image, .. }) = docker {
        registry.register(engine)?;
        places.push(Place {
            spec: EnvironmentSpec {
                image: Some(image.to_owned()),
                ..at_work()
            },
            image: Some(image.to_owned()),
            ..place("docker", EnvironmentSpec::default())
        });
    }
    Ok(places)
}

/// Imports the image of containers for sandboxes.
#[cfg(target_os = "linux")]
async fn import(sandbox: &SandboxEngine, docker: &Containers<'_>) -> Result<()> {
    let archive = docker.engine.images().save(&[docker.image]).await?;
    let mut options = ImportImage::default();
    options.image = Some(docker.image.to_owned());
    let images = sandbox.images();
    let imported = images.import(ImageSource::Archive(archive), options).await;
    imported.map(drop)
}

/// Walks so many steps, and destroys everything in the end.
async fn walk(
    manager: &Manager,
    store: &SnapshotStore,
    places: &[Place],
    steps: usize,
    seed: u64,
) -> std::result::Result<(), String> {
    let mut walk = Walk {
        manager,
        store,
        places,
        state: seed | 1,
        environments: Vec::new(),
        snapshots: Vec::new(),
        log: Vec::new(),
    };
    let failed = |walk: &Walk<'_>, why: String| {
        let steps = walk.log.join("\n  ");
        format!("STATE_SEED={seed}: {why}; after the steps\n  {steps}")
    };
    for _ in 0..steps {
        if let Err(error) = Box::pin(walk.step()).await {
            return Err(failed(&walk, crate::chain(&error)));
        }
        if let Err(why) = walk.check().await {
            return Err(failed(&walk, why));
        }
    }
    for (environment, _) in std::mem::take(&mut walk.environments) {
        if let Err(error) = environment.destroy().await {
            return Err(failed(&walk, crate::chain(&error)));
        }
    }
    Ok(())
}

impl Walk<'_> {
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
            _ => Box::pin(self.change(at)).await,
        }
    }

    async fn create(&mut self) -> Result<()> {
        let at = self.random(self.places.len());
        let place = &self.places[at];
        self.log.push(format!("create on {}", place.engine));
        let choice = EngineChoice::Named(place.engine.clone());
        let made = self.manager.create(&choice, place.spec.clone()).await?;
        self.environments.push((made, Files::new()));
        Ok(())
    }

    async fn change(&mut self, at: usize) -> Result<()> {
        let number = self.random(FILES.len());
        let (name, size) = (FILES[number], self.random(3));
        let action = self.random(4);
        let text = format!("{}-{}", self.log.len(), "x".repeat(size * 700));
        let (environment, files) = &mut self.environments[at];
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
        self.log.push(format!("{}: {:.40}", environment.name(), script));
        let script = format!("mkdir -p d/e src && {script}");
        let output = environment.run(Command::shell(script)).await?;
        match output.exit.success() {
            true => Ok(()),
            false => Err(Error::engine("walk", output.stderr_text())),
        }
    }

    async fn snapshot(&mut self, at: usize) -> Result<()> {
        let full = self.random(3) == 0;
        let (environment, files) = &self.environments[at];
        self.log
            .push(format!("snapshot of {}, full: {full}", environment.name()));
        let options = SnapshotOptions {
            full,
            ..SnapshotOptions::default()
        };
        let saved = environment.snapshot(self.store, options).await?;
        self.snapshots.push((saved.snapshot, files.clone()));
        Ok(())
    }

    async fn restore(&mut self) -> Result<()> {
        let at = self.random(self.snapshots.len());
        let (snapshot, files) = self.snapshots[at].clone();
        self.log.push(format!("restore {}", snapshot.id.short()));
        let options = RestoreOptions::default();
        let restored = self.manager.restore(self.store, &snapshot, options).await?;
        self.environments.push((restored.environment, files));
        Ok(())
    }

    async fn fork(&mut self, at: usize) -> Result<()> {
        let (environment, files) = self.environments[at].clone();
        self.log.push(format!("fork {}", environment.name()));
        let forks = self.manager.fork(&environment, 2, ForkOptions::default()).await?;
        for fork in forks {
            self.environments.push((fork, files.clone()));
        }
        Ok(())
    }

    async fn migrate(&mut self, at: usize) -> Result<()> {
        let (environment, files) = self.environments[at].clone();
        let other = self.random(self.places.len());
        let place = &self.places[other];
        if place.engine == environment.engine() {
            return Ok(());
        }
        self.log
            .push(format!("migrate {} to {}", environment.name(), place.engine));
        let options = MigrateOptions {
            image: place.image.clone(),
            directory: place.spec.working_dir.clone(),
            accept_losses: true,
            remove_source: true,
            ..MigrateOptions::default()
        };
        let to = Destination::engine(place.engine.clone());
        let migrated = self.manager.migrate(&environment, &to, options).await?;
        self.environments[at] = (migrated.environment, files);
        Ok(())
    }

    async fn kill(&mut self, at: usize) -> Result<()> {
        let environment = self.environments[at].0.clone();
        self.log.push(format!("kill {}", environment.name()));
        environment.kill(Signal::Kill).await?;
        environment.start().await
    }

    async fn destroy(&mut self, at: usize) -> Result<()> {
        let (environment, _) = self.environments.swap_remove(at);
        self.log.push(format!("destroy {}", environment.name()));
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

    /// Compares the files of one environment with the model, and that all run.
    async fn check(&mut self) -> std::result::Result<(), String> {
        if self.environments.is_empty() {
            return Ok(());
        }
        let at = self.random(self.environments.len());
        if let Some((gone, _)) = self
            .environments
            .iter()
            .find(|(one, _)| one.status() != Status::Running)
        {
            return Err(format!("{} is {}", gone.name(), gone.status()));
        }
        let (environment, files) = &self.environments[at];
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
        match found == *files {
            true => Ok(()),
            false => Err(format!(
                "{} has {:?} instead of {:?}",
                environment.name(),
                found.keys(),
                files.keys()
            )),
        }
    }
}
