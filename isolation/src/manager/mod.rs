//! Creates environments, tracks them, and destroys them at the end.

mod bundles;
mod create;
mod create_locked;
pub(crate) mod explain;
pub(crate) mod fork;
pub(crate) mod gc;
pub(crate) mod gc_report;
mod group_resources;
mod kept;
mod left_images;
pub(crate) mod list;
pub(crate) mod lock;
#[cfg(unix)]
pub(crate) mod migrate;
pub(crate) mod options;
pub(crate) mod origin;
pub(crate) mod pool;
pub(crate) mod prepared_forks;
pub(crate) mod registry;
pub(crate) mod remove;
#[cfg(unix)]
mod restore;
mod resume;
mod shared;
mod shutdown;
mod state;
mod tracked;
mod up;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::options::ManagerOptions;
use self::origin::Origin;
use self::pool::Pool;
use self::registry::{Registry, Selection};
use self::state::State;
use self::tracked::Tracked;
use crate::creator::Creator;
use crate::engine::NewEnvironment;
use crate::engine::capabilities::Capabilities;
use crate::engine::context::Context;
use crate::engine::instance::Instance;
use crate::environment::Environment;
use crate::environment::end_timeout::{ANSWER_TIMEOUT, EndTimeout, answered};
use crate::environment::id::{EnvironmentId, random_hex};
use crate::environment::pauses::Pauses;
use crate::environment::relays::Relays;
use crate::environment::runs::Runs;
use crate::environment::shared::{Owner, Shared};
use crate::environment::sharing::Sharing;
use crate::environment::status::{Status, StatusCell};
use crate::environment::summary::{self, EnvironmentSummary};
use crate::environment::supervision::Supervision;
use crate::environment::tasks::Tasks;
use crate::environment::{checks, disk};
use crate::error::{Error, Result};
use crate::events::{EventKind, EventSink, Subject, Subscription};
use crate::history::History;
use crate::journal::Journal;
use crate::journal::entry::{Entry, VERSION};
use crate::journal::process::Process;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;

/// Creates environments through a [`Registry`], tracks them, and sends [`Event`](crate::Event)s.
/// [`shutdown`](Self::shutdown) destroys the remaining environments; dropping the manager does the
/// same as far as possible without waiting.
#[derive(Debug)]
pub struct Manager {
    tracked: Arc<Tracked>,
    events: EventSink,
    session: String,
    state: Arc<State>,
    end_timeout: Arc<EndTimeout>,
    pool: Option<Arc<Pool>>,
    /// Whether its drop destroys the environments. A handle of a task does not.
    is_owner: bool,
}

impl Manager {
    /// Creates a manager with a new session.
    pub fn new(registry: Registry) -> Self {
        Self::with_options(registry, ManagerOptions::default())
    }

    /// Creates a manager with these options. The journal is opened with the first environment.
    pub fn with_options(registry: Registry, options: ManagerOptions) -> Self {
        Self {
            tracked: Arc::new(Tracked::new(registry, options.reaper.clone())),
            events: EventSink::default(),
            session: random_hex(),
            end_timeout: Arc::new(EndTimeout::new(options.cleanup_timeout)),
            pool: Pool::new(options.pool).map(Arc::new),
            state: Arc::new(State::new(options)),
            is_owner: true,
        }
    }

    /// A handle of the same manager for a task. It does not keep the manager alive.
    fn for_task(&self) -> Self {
        Self {
            tracked: Arc::clone(&self.tracked),
            events: self.events.clone(),
            session: self.session.clone(),
            state: Arc::clone(&self.state),
            end_timeout: Arc::clone(&self.end_timeout),
            pool: self.pool.clone(),
            is_owner: false,
        }
    }

    /// The engines of this manager.
    pub fn registry(&self) -> &Registry {
        self.tracked.registry()
    }

    /// The session of its environments, unless their specification names another one.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Subscribes to the events from now on.
    pub fn subscribe(&self) -> Subscription {
        self.events.subscribe()
    }

    /// Creates an environment with this ID for a caller that keeps the journal. It is not started,
    /// and the caller is responsible for its lifetime.
    pub(crate) async fn create_as(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
        id: EnvironmentId,
        name: Option<String>,
        origin: Origin<'_>,
    ) -> Result<Environment> {
        let created = self.begin(selection, spec, id, name.clone(), origin).await;
        created.map_err(|error| error.during("create the environment", &name.unwrap_or_default()))
    }

    /// Creates an environment that is removed if the rest of its creation fails, even if its
    /// lifetime is `Kept`. Callers box the future, because a specification is large.
    async fn create_guarded(&self, selection: &Selection, spec: EnvironmentSpec) -> Result<Environment> {
        self.create_from(selection, spec, Origin::New).await
    }

    /// Like [`create_guarded`](Self::create_guarded), with the files of `origin`.
    async fn create_from(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
        origin: Origin<'_>,
    ) -> Result<Environment> {
        self.create_with_id(selection, spec, EnvironmentId::random(), origin)
            .await
    }

    async fn create_with_id(
        &self,
        selection: &Selection,
        mut spec: EnvironmentSpec,
        id: EnvironmentId,
        origin: Origin<'_>,
    ) -> Result<Environment> {
        spec.session.get_or_insert_with(|| self.session.clone());
        let name = spec.name.clone().unwrap_or_default();
        let created = self
            .begin(selection, spec.clone(), id, spec.name.clone(), origin)
            .await;
        let error = match created {
            Ok(environment) => return Ok(environment),
            Err(error) => error.during("create the environment", &name),
        };
        let error = self.explain_creation(selection.engine.name(), &spec, error);
        let engine = selection.engine.name().to_owned();
        self.events.emit(
            Subject::Engine { engine },
            EventKind::Failed {
                operation: error.operation().unwrap_or_default().to_owned(),
                kind: error.kind(),
                message: error.to_string(),
            },
        );
        let features = error.missing().iter().map(|one| one.feature).collect();
        match error.is_unsupported() {
            true => Err(error.with_alternatives(self.registry().engines_supporting(&features).await)),
            false => Err(error),
        }
    }

    async fn begin(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
        id: EnvironmentId,
        name: Option<String>,
        origin: Origin<'_>,
    ) -> Result<Environment> {
        self.tracked.check_open()?;
        spec.validate()?;
        let engine = selection.engine.as_ref();
        checks::specification(engine.name(), &selection.capabilities, &spec)?;
        self.registry().check_options(&spec)?;
        let name = name.unwrap_or_else(|| format!("{}-{}", engine.name(), id.short()));
        let subject = Subject::Environment {
            id: id.clone(),
            name: name.clone(),
            engine: engine.name().to_owned(),
        };
        self.events.emit(subject, EventKind::Creating);
        let journal = self.state.journal(&id);
        let entry = engine.address().map(|address| Entry {
            version: VERSION,
            id: id.clone(),
            name: name.clone(),
            engine: engine.name().to_owned(),
            address,
            image: spec.image.clone(),
            session: spec.session.clone(),
            created: summary::now(),
            // The owner removes it until its creation is complete, even if its lifetime is `Kept`.
            lifetime: Lifetime::Owner,
            owner: Process::current(),
            resources: Vec::new(),
        });
        let answers = || async { engine.probe().await.availability.is_available() };
        let entering = self.state.enter(self.registry(), &self.events, entry, &journal);
        let looking = async { Ok(origin.look_ahead(engine, &spec).await) };
        // The disk and the engine work at the same time.
        let looking = answered(ANSWER_TIMEOUT, looking, answers);
        let (entered, ahead) = tokio::join!(Box::pin(entering), Box::pin(looking));
        let (entered, ahead) = (entered?, ahead?);
        let context = Context::new(self.events.clone(), journal.clone());
        let new = NewEnvironment {
            id: &id,
            name: &name,
            spec: &spec,
            context: &context,
            ahead: ahead.as_deref(),
        };
        let instance = answered(ANSWER_TIMEOUT, origin.create(engine, new), answers).await?;
        entered.complete();
        let capabilities = selection.capabilities.clone();
        let shared = self.shared_state(
            engine.name(),
            capabilities,
            id,
            name,
            spec,
            instance,
            Status::Created,
            journal,
        );
        let shared = Arc::new(shared);
        // The guard exists before anything else can fail and before this future can be dropped.
        let environment = Environment::new(&shared);
        self.tracked.add(&shared)?;
        shared.emit(EventKind::Created);
        Ok(environment)
    }

    /// Opens an environment that any process has created, by its ID, by a unique beginning of the
    /// ID, or by its name. Dropping the handle does not destroy it, and this manager does not track
    /// it.
    pub async fn open(&self, reference: &str) -> Result<Environment> {
        let opened = self.find_and_open(reference).await;
        opened.map_err(|error| error.during("open the environment", reference))
    }

    async fn find_and_open(&self, reference: &str) -> Result<Environment> {
        let listed = self.find(reference).await?;
        if listed.status == Some(Status::Lost) {
            return Err(Error::lost());
        }
        let engine = self.engine_of(&listed)?;
        let capabilities = engine.probe().await.capabilities;
        let journal = self.state.journal(&listed.id);
        let context = Context::new(self.events.clone(), journal.clone());
        let answers = || async { engine.probe().await.availability.is_available() };
        let opened = answered(ANSWER_TIMEOUT, engine.open(&listed.id, &context), answers).await?;
        let shared = self.shared_state(
            engine.name(),
            capabilities,
            listed.id,
            opened.name,
            opened.spec,
            opened.instance,
            opened.status,
            journal,
        );
        let shared = Arc::new(shared);
        shared.kept.store(true, Ordering::Release);
        self.tracked.know(&shared);
        disk::begin_opened(&shared);
        Ok(Environment::new(&shared))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "every part of an environment, at its two origins"
    )]
    fn shared_state(
        &self,
        engine: &str,
        capabilities: Capabilities,
        id: EnvironmentId,
        name: String,
        spec: EnvironmentSpec,
        instance: Box<dyn Instance>,
        status: Status,
        journal: Journal,
    ) -> Shared {
        let owner: Arc<dyn Owner> = Arc::clone(&self.tracked) as _;
        self.events.exists(&id);
        Shared {
            id,
            name: name.into(),
            engine: engine.to_owned(),
            spec,
            capabilities,
            instance,
            cell: StatusCell::new(status),
            events: self.events.clone(),
            owner: Arc::downgrade(&owner),
            journal,
            usage: None,
            kept: AtomicBool::new(false),
            destroyed_reported: AtomicBool::new(false),
            runs: Runs::new(status),
            supervision: Supervision::default(),
            history: History::default(),
            bundles: self.state.bundles(),
            relays: Relays::default(),
            pauses: Pauses::default(),
            sharing: Sharing::default(),
            tasks: Tasks::default(),
            creator: Creator::this_process(),
            end_timeout: Arc::clone(&self.end_timeout),
        }
    }

    /// The existing environments that this manager has created, oldest first.
    pub fn environments(&self) -> Vec<EnvironmentSummary> {
        let alive = self.tracked.oldest_first();
        alive.iter().map(|shared| shared.summary()).collect()
    }
}
