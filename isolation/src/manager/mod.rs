//! Creates environments, tracks them, and destroys them at the end.

pub(crate) mod events;
pub(crate) mod managed;
pub(crate) mod registry;

use std::sync::Arc;

use self::managed::{Managed, Shared, Tracked};
use crate::engine::Engine;
use crate::environment::Environment;
use crate::environment::id::random_hex;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Cause, Error, Result};
use crate::manager::events::{EventKind, Events, Subscription};
use crate::manager::registry::{EngineChoice, Registry};
use crate::spec::EnvironmentSpec;

/// Creates environments through a [`Registry`], tracks them, and sends [`Event`](crate::Event)s.
/// [`shutdown`](Self::shutdown) destroys the remaining environments; dropping the manager does the
/// same as far as possible without waiting.
#[derive(Debug)]
pub struct Manager {
    registry: Arc<Registry>,
    events: Events,
    session: String,
    tracked: Arc<Tracked>,
}

impl Manager {
    /// Creates a manager with a new session.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry: Arc::new(registry),
            events: Events::default(),
            session: random_hex(),
            tracked: Arc::default(),
        }
    }

    /// The engines of this manager.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The session of its environments, unless their specification names another one.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Subscribes to the events from now on.
    pub fn subscribe(&self) -> Subscription {
        self.events.subscribe()
    }

    /// Creates an active environment on the engine that [`Registry::select`] chooses.
    pub async fn create(&self, choice: &EngineChoice, spec: EnvironmentSpec) -> Result<Managed> {
        let selection = self.registry.select(choice, &spec).await?;
        self.create_on(selection.engine.as_ref(), spec).await
    }

    /// Creates an active environment on an engine that [`Registry::select`] has chosen.
    pub async fn create_on(&self, engine: &dyn Engine, mut spec: EnvironmentSpec) -> Result<Managed> {
        spec.session.get_or_insert_with(|| self.session.clone());
        if self.tracked.is_shut_down() {
            return Err(Cause::ShutDown.into());
        }
        let needs = spec.required_features();
        let created = engine.create(spec).await;
        let inner =
            created.map_err(|error| error.with_alternatives(self.registry.engines_supporting(&needs)))?;
        let shared = Arc::new(Shared::new(
            inner,
            self.events.clone(),
            Arc::clone(&self.registry),
        ));
        // The guard exists before anything else can fail and before this future can be dropped.
        let managed = Managed {
            shared: Arc::clone(&shared),
            tracked: Arc::clone(&self.tracked),
        };
        let ready = match self.tracked.add(&shared) {
            Ok(()) => {
                self.events.emit(&managed, EventKind::Created);
                managed.start().await
            }
            Err(late) => Err(late),
        };
        match ready {
            Ok(()) => Ok(managed),
            Err(error) => {
                // The drop of the guard cannot await; this can, so it also reports errors of the
                // removal.
                let _ = managed.destroy().await;
                Err(error)
            }
        }
    }

    /// The environments that exist, oldest first.
    pub fn environments(&self) -> Vec<EnvironmentSummary> {
        self.tracked
            .oldest_first()
            .iter()
            .map(|shared| summary(shared))
            .collect()
    }

    /// Destroys every environment, newest first, and creates no more. It continues after an error
    /// and can be called again: it then retries the environments that are left.
    pub async fn shutdown(&self) -> Result<()> {
        self.tracked.shut_down();
        let mut failures: Vec<Error> = Vec::new();
        for shared in self.tracked.newest_first() {
            match shared.destroy().await {
                Ok(()) => self.tracked.forget(shared.inner.id()),
                Err(error) => failures.push(error),
            }
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(Cause::Cleanup(failures).into()),
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.tracked.shut_down();
        for shared in self.tracked.newest_first() {
            shared.destroy_blocking();
            self.tracked.forget(shared.inner.id());
        }
    }
}

fn summary(shared: &Shared) -> EnvironmentSummary {
    let environment = &shared.inner;
    EnvironmentSummary {
        id: environment.id().clone(),
        name: environment.name().to_owned(),
        engine: environment.engine().to_owned(),
        status: environment.status(),
        owner: environment.spec().owner.clone(),
        session: environment.spec().session.clone(),
    }
}
