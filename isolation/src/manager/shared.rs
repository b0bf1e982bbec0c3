//! One environment for many processes.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::Manager;
use super::registry::{EngineChoice, Selection};
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::engine::{Engine, Leftover, NewEnvironment};
use crate::environment::Environment;
use crate::environment::checks;
use crate::environment::id::EnvironmentId;
use crate::environment::status::Status;
use crate::environment::summary;
use crate::environment::usage::Usage;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};
use crate::journal::Journal;
use crate::journal::directory::StateDirectory;
use crate::journal::entry::{Entry, VERSION};
use crate::journal::leases::{Lease, Lock};
use crate::journal::process::Process;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;

/// The timeout for an environment that another process is removing.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(100);

/// The claim of an environment: its identity, and the means to create it.
struct Claim<'a> {
    engine: &'a Arc<dyn Engine>,
    selection: &'a Selection,
    directory: &'a StateDirectory,
    address: String,
    id: EnvironmentId,
    name: String,
    spec: EnvironmentSpec,
}

impl Manager {
    /// The environment that all processes of this user with this specification share: the first
    /// process creates and starts it, the others use the same one. So test programs with one
    /// process per test start a database only once.
    ///
    /// The environment is removed after its last use. Dropping the handle,
    /// [`destroy`](Environment::destroy) and any exit of the process end a use. An environment that
    /// was stopped, or is not [ready](EnvironmentSpec::ready), is replaced. Contents of copied
    /// files are not compared.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) without a journal, or if other processes
    /// cannot reach the engine.
    pub async fn shared(&self, choice: &EngineChoice, spec: EnvironmentSpec) -> Result<Environment> {
        let selection = self.select(choice, &spec).await?;
        self.shared_on(&selection, spec).await
    }

    /// Like [`shared`](Self::shared), on a chosen engine.
    pub async fn shared_on(&self, selection: &Selection, spec: EnvironmentSpec) -> Result<Environment> {
        let name = spec.name.clone().unwrap_or_default();
        let shared = Box::pin(self.share(selection, spec)).await;
        shared.map_err(|error| error.during("share the environment", &name))
    }

    async fn share(&self, selection: &Selection, spec: EnvironmentSpec) -> Result<Environment> {
        self.tracked.check_open()?;
        spec.validate()?;
        let spec = Box::pin(self.with_built_image(selection, spec)).await?;
        let engine = &selection.engine;
        checks::specification(engine.name(), &selection.capabilities, &spec)?;
        self.registry().check_options(&spec)?;
        let (Some(directory), Some(address)) = (self.state.directory()?, engine.address()) else {
            let text = "environments are shared through the journal, which this manager or engine has not";
            return Err(Error::new(ErrorKind::Unsupported, text));
        };
        let spec = normalised(engine.as_ref(), spec);
        let id = digest(engine.name(), &address, directory, &spec)?;
        let name = spec.name.clone();
        let claim = Claim {
            name: name.unwrap_or_else(|| format!("shared-{}", id.short())),
            engine,
            selection,
            directory,
            address,
            id,
            spec,
        };
        let began = Instant::now();
        loop {
            let lock = directory.leases(&claim.id).lock().await?;
            // The lease is added before the environment exists, so that other processes count this
            // user.
            let lease = lock.add()?;
            match self.claim(&claim, lock, lease).await? {
                Some(environment) => return Ok(environment),
                None if began.elapsed() < CLAIM_TIMEOUT => sleep(PAUSE).await,
                None => {
                    let text = "another process creates and removes the environment; try again";
                    return Err(Error::new(ErrorKind::Conflict, text));
                }
            }
        }
    }

    /// Adopts the environment if it is usable, otherwise creates it. `None` if another process is
    /// creating or removing it: then the name is in use.
    async fn claim(&self, claim: &Claim<'_>, lock: Lock, lease: Lease) -> Result<Option<Environment>> {
        let journal = self.state.journal(&claim.id);
        let context = Context::new(self.events.clone(), journal.clone());
        let usage = Usage::new(&claim.id, claim.engine, &context, claim.directory, lease, lock);
        match claim.engine.open(&claim.id, &context).await {
            Ok(opened) if opened.status == Status::Destroying => return Ok(None),
            Ok(opened) => {
                let state = opened.instance.inspect().await?;
                if state.status == Status::Running {
                    let environment = self.handle(claim, opened.instance, Status::Running, &usage)?;
                    return self.adopt(claim, &context, environment, &usage).await;
                }
                claim.remove(&context).await?;
            }
            Err(error) if error.is_not_found() => {}
            // It is incomplete: the process that created it was killed.
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Io) => {
                claim.remove(&context).await?;
            }
            Err(error) => return Err(error),
        }
        self.create_shared(claim, &context, journal, &usage).await
    }

    /// Uses a running environment, if it is ready.
    async fn adopt(
        &self,
        claim: &Claim<'_>,
        context: &Context,
        environment: Environment,
        usage: &Usage,
    ) -> Result<Option<Environment>> {
        if environment.ready().await.is_ok() {
            drop(usage.take_lock());
            return Ok(Some(environment));
        }
        claim.remove(context).await?;
        environment.destroy().await?;
        Ok(None)
    }

    async fn create_shared(
        &self,
        claim: &Claim<'_>,
        context: &Context,
        journal: Journal,
        usage: &Usage,
    ) -> Result<Option<Environment>> {
        self.events.emit(claim.subject(), EventKind::Creating);
        let entry = Entry {
            version: VERSION,
            id: claim.id.clone(),
            name: claim.name.clone(),
            engine: claim.engine.name().to_owned(),
            address: claim.address.clone(),
            image: claim.spec.image.clone(),
            session: None,
            created: summary::now(),
            lifetime: Lifetime::Shared,
            owner: Process::current(),
            resources: Vec::new(),
        };
        let entered = self
            .state
            .enter(self.registry(), &self.events, Some(entry), &journal)
            .await?;
        let new = NewEnvironment {
            id: &claim.id,
            name: &claim.name,
            spec: &claim.spec,
            context,
            ahead: None,
        };
        let instance = match claim.engine.create(new).await {
            Ok(instance) => instance,
            // Another environment has its name. The error of a name in use differs between daemons.
            Err(_) if claim.engine.open(&claim.id, context).await.is_ok() => {
                entered.complete();
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        // From now on its users remove it, not the instance.
        instance.keep().await?;
        entered.complete();
        let environment = self.handle(claim, instance, Status::Created, usage)?;
        self.events.emit(claim.subject(), EventKind::Created);
        if let Err(error) = environment.start().await {
            // The first error is returned. Leftovers are in the journal.
            let _ = environment.destroy().await;
            return Err(error);
        }
        drop(usage.take_lock());
        Ok(Some(environment))
    }

    fn handle(
        &self,
        claim: &Claim<'_>,
        instance: Box<dyn Instance>,
        status: Status,
        usage: &Usage,
    ) -> Result<Environment> {
        let mut shared = self.shared_state(
            claim.engine.name(),
            claim.selection.capabilities.clone(),
            claim.id.clone(),
            claim.name.clone(),
            claim.spec.clone(),
            instance,
            status,
            // The last use removes the entry.
            Journal::of(None, &claim.id),
        );
        shared.usage = Some(usage.clone());
        let shared = Arc::new(shared);
        let environment = Environment::new(&shared);
        self.tracked.add(&shared)?;
        Ok(environment)
    }
}

impl Claim<'_> {
    fn subject(&self) -> Subject {
        Subject::Environment {
            id: self.id.clone(),
            name: self.name.clone(),
            engine: self.engine.name().to_owned(),
        }
    }

    /// Removes an unusable environment.
    async fn remove(&self, context: &Context) -> Result<()> {
        let leftover = Leftover {
            id: &self.id,
            resources: &[],
            context,
        };
        self.engine.remove(leftover).await.map(drop)
    }
}

/// The specification with the defaults of the engine, and without fields that do not change the
/// environment.
fn normalised(engine: &dyn Engine, mut spec: EnvironmentSpec) -> EnvironmentSpec {
    engine.fill_in(&mut spec);
    spec.lifetime = Lifetime::Shared;
    spec.session = None;
    spec
}

/// The ID of a shared environment, which depends on the user, the machine and the engine.
fn digest(
    engine: &str,
    address: &str,
    directory: &StateDirectory,
    spec: &EnvironmentSpec,
) -> Result<EnvironmentId> {
    let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
    let scope = (engine, address, directory.scope(), spec);
    let text = serde_json::to_vec(&scope).map_err(corrupt)?;
    let digest = Sha256::digest(&text);
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    hex.parse()
}
