//! The manager and the environments of a connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ServeOptions;
use super::points::Points;
use crate::engine::context::Context;
use crate::engine::{Engine, Leftover};
use crate::environment::Environment;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::error::{Error, Result};
use crate::events::EventSink;
use crate::journal::Journal;
use crate::manager::Manager;
use crate::manager::options::{ManagerOptions, Reaper};
use crate::manager::origin::Origin;
use crate::manager::registry::{EngineChoice, Registry};
use crate::protocol::answer::Opened;
use crate::protocol::call::{Create, JournalKeeper, Remove};

/// The manager of a connection, and its environments.
#[derive(Debug)]
pub(super) struct Session {
    manager: Manager,
    environments: Mutex<BTreeMap<EnvironmentId, Environment>>,
    points: Points,
}

impl Session {
    pub(super) fn new(registry: Registry, options: &ServeOptions, keeper: JournalKeeper) -> Self {
        let options = match keeper {
            JournalKeeper::Server => options.manager.clone(),
            JournalKeeper::Client => ManagerOptions {
                journal: false,
                reaper: Reaper::Off,
                ..options.manager.clone()
            },
        };
        Self {
            manager: Manager::with_options(registry, options),
            environments: Mutex::default(),
            points: Points::default(),
        }
    }

    pub(super) fn manager(&self) -> &Manager {
        &self.manager
    }

    pub(super) fn points(&self) -> &Points {
        &self.points
    }

    /// Destroys the environments of the connection that are not kept.
    pub(super) async fn end(&self) -> Result<()> {
        let ended = self.manager.shutdown().await;
        let left = std::mem::take(&mut *self.environments());
        drop(left);
        ended
    }

    fn environments(&self) -> MutexGuard<'_, BTreeMap<EnvironmentId, Environment>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine with this name; without a name, the first engine.
    pub(super) fn engine(&self, name: Option<&str>) -> Result<Arc<dyn Engine>> {
        let registry = self.manager.registry();
        match (name, registry.engines().next()) {
            (Some(name), _) => registry.get(name),
            (None, Some(first)) => Ok(Arc::clone(first)),
            (None, None) => Err(Error::not_found("no engine is offered")),
        }
    }

    pub(super) async fn create(&self, create: Create) -> Result<Opened> {
        let choice = match create.engine.as_deref() {
            None | Some("auto") if self.manager.registry().engines().count() == 1 => {
                EngineChoice::Named(self.engine(None)?.name().to_owned())
            }
            None | Some("auto") => EngineChoice::Auto,
            Some(name) => EngineChoice::Named(name.to_owned()),
        };
        let mut spec = create.spec;
        let environment = match create.id {
            Some(id) => {
                let selection = self.manager.select(&choice, &spec).await?;
                let name = spec.name.clone().or(create.name);
                let point = create.fork.map(|point| self.points.get(point)).transpose()?;
                let origin = point.as_deref().map_or(Origin::New, Origin::Fork);
                let created = self.manager.create_as(&selection, spec, id, name, origin).await?;
                if create.start {
                    self.insert(&created);
                    created.start().await?;
                }
                created
            }
            None if create.fork.is_some() => {
                return Err(Error::invalid(
                    "a creation with `fork` needs an `id`; use the method `fork`",
                ));
            }
            None => {
                spec.name = spec.name.or(create.name);
                match create.start {
                    true => self.manager.create(&choice, spec).await?,
                    false => {
                        let selection = self.manager.select(&choice, &spec).await?;
                        self.manager.create_unstarted(&selection, spec).await?
                    }
                }
            }
        };
        self.insert(&environment);
        Ok(opened(&environment))
    }

    /// Adds an environment that the connection owns.
    pub(super) fn insert(&self, environment: &Environment) {
        let id = environment.id().clone();
        let opened = self.environments().insert(id, environment.clone());
        drop(opened);
    }

    /// Adds an opened environment, unless the connection already has it: the handle of the owner
    /// must stay, because its drop destroys the environment. Returns the handle to use.
    fn adopt(&self, opened: Environment) -> Environment {
        let id = opened.id().clone();
        self.environments().entry(id).or_insert(opened).clone()
    }

    /// Finds an environment of the connection by its ID or its name.
    fn known(&self, reference: &str) -> Option<Environment> {
        let known = self.environments();
        let mut named = known
            .values()
            .filter(|one| one.id().as_str() == reference || one.name() == reference);
        match (named.next(), named.next()) {
            (Some(one), None) => Some(one.clone()),
            _ => None,
        }
    }

    /// Opens an environment of any process.
    pub(super) async fn open(&self, reference: &str) -> Result<Opened> {
        if let Some(known) = self.known(reference) {
            let status = known.inspect().await?.status;
            if !matches!(status, Status::Lost | Status::Destroyed) {
                return Ok(opened(&known));
            }
            self.forget(known.id());
        }
        let environment = self.manager.open(reference).await?;
        Ok(opened(&self.adopt(environment)))
    }

    /// The environment of a request, which may be one of another process.
    pub(super) async fn environment(&self, reference: &str) -> Result<Environment> {
        if let Some(known) = self.known(reference) {
            return Ok(known);
        }
        match self.manager.open(reference).await {
            Ok(environment) => Ok(self.adopt(environment)),
            // For an ID the error is `Lost`, because an environment with this ID existed.
            Err(error) if error.is_not_found() && reference.parse::<EnvironmentId>().is_ok() => {
                Err(Error::lost())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn destroy(&self, reference: &str) -> Result<bool> {
        let environment = match self.environment(reference).await {
            Ok(environment) => environment,
            Err(error) if error.kind() == crate::ErrorKind::Lost => return Ok(false),
            Err(error) => return Err(error),
        };
        environment.destroy().await?;
        self.forget(environment.id());
        Ok(true)
    }

    /// Removes the leftovers of an environment, also of one whose creation was interrupted.
    pub(super) async fn remove(&self, remove: &Remove) -> Result<bool> {
        let id = &remove.environment;
        if let Some(known) = self.known(id.as_str()) {
            known.destroy().await?;
            self.forget(id);
            return Ok(true);
        }
        let context = Context::new(EventSink::default(), Journal::of(None, id));
        let leftover = Leftover {
            id,
            resources: &remove.resources,
            context: &context,
        };
        self.engine(remove.engine.as_deref())?.remove(leftover).await
    }

    fn forget(&self, id: &EnvironmentId) {
        let forgotten = self.environments().remove(id);
        drop(forgotten);
    }
}

/// The description of an environment for a client.
pub(super) fn opened(environment: &Environment) -> Opened {
    let shared = environment.shared();
    Opened {
        id: environment.id().clone(),
        name: environment.name().to_owned(),
        engine: environment.engine().to_owned(),
        status: environment.status(),
        spec: environment.spec().clone(),
        capabilities: shared.capabilities.clone(),
        disk_limit: shared.instance.disk_usage().map(|disk| disk.limit()),
        checks_health: shared.instance.checks_health(),
    }
}
