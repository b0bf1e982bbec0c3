//! An engine of another author, with only the required methods: what it lacks is an error that
//! names it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::snapshots::{RestoreOptions, SavedState, SnapshotOptions, SnapshotStore};
use isolation::{
    BoxFuture, Capabilities, Command, Context, CopySource, Destination, Engine, EngineChoice, Environment,
    EnvironmentId, EnvironmentSpec, EnvironmentSummary, Error, ErrorKind, Feature, ForkOptions, ForkPoint,
    Forks, GroupSpec, Instance, InstanceState, IsolationLevel, LogOptions, Manager, MigrateOptions,
    NewEnvironment, Opened, Probe, Registry, Remove, ResourceLimits, Result, Signal, Status,
};

/// The environments by their IDs, with their statuses.
type Known = Arc<Mutex<BTreeMap<EnvironmentId, (String, EnvironmentSpec, Status)>>>;

#[derive(Debug, Default, Clone)]
struct LeastEngine {
    known: Known,
    /// Whether it claims features whose methods it does not have.
    claims: bool,
}

#[derive(Debug)]
struct LeastInstance {
    id: EnvironmentId,
    known: Known,
    claims: bool,
}

impl LeastInstance {
    fn becomes(&self, status: Status) -> BoxFuture<'_, Result<()>> {
        if let Some(entry) = self.known.lock().unwrap().get_mut(&self.id) {
            entry.2 = status;
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Instance for LeastInstance {
    fn inspect(&self) -> BoxFuture<'_, Result<InstanceState>> {
        let known = self.known.lock().unwrap();
        let status = known.get(&self.id).map_or(Status::Lost, |entry| entry.2);
        Box::pin(std::future::ready(Ok(InstanceState::new(status))))
    }

    fn start(&self) -> BoxFuture<'_, Result<()>> {
        self.becomes(Status::Running)
    }

    fn stop(&self, _: Duration) -> BoxFuture<'_, Result<()>> {
        self.becomes(Status::Stopped)
    }

    fn kill(&self, _: Signal) -> BoxFuture<'_, Result<()>> {
        self.becomes(Status::Stopped)
    }

    fn destroy(&self) -> BoxFuture<'_, Result<()>> {
        self.known.lock().unwrap().remove(&self.id);
        Box::pin(std::future::ready(Ok(())))
    }

    fn destroy_blocking(&self, _: Duration) -> bool {
        self.known.lock().unwrap().remove(&self.id);
        true
    }

    fn keep(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn forks(&self) -> Option<&dyn Forks> {
        self.claims.then_some(self as _)
    }
}

impl Forks for LeastInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        Box::pin(std::future::ready(Ok(ForkPoint::new(()))))
    }
}

impl Engine for LeastEngine {
    fn name(&self) -> &str {
        "least"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let mut capabilities = Capabilities::new(IsolationLevel::Process);
        if self.claims {
            capabilities = capabilities.with([Feature::MainProcess, Feature::Snapshots, Feature::Volumes]);
        }
        Box::pin(std::future::ready(Probe::available("it works", capabilities)))
    }

    fn adapt(&self, _: &SavedState, _: &mut EnvironmentSpec) -> Result<()> {
        match self.claims {
            true => Ok(()),
            false => Err(self.no_snapshots()),
        }
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        let entry = (new.name.to_owned(), new.spec.clone(), Status::Created);
        self.known.lock().unwrap().insert(new.id.clone(), entry);
        let made = LeastInstance {
            id: new.id.clone(),
            known: Arc::clone(&self.known),
            claims: self.claims,
        };
        Box::pin(std::future::ready(Ok(Box::new(made) as Box<dyn Instance>)))
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let found = self.known.lock().unwrap().get(id).cloned();
        let opened = found.map(|(name, spec, status)| Opened {
            name,
            spec,
            status,
            instance: Box::new(LeastInstance {
                id: id.clone(),
                known: Arc::clone(&self.known),
                claims: self.claims,
            }),
        });
        let missing = || Error::not_found("no such environment");
        let opened = match opened {
            Some(opened) if opened.status == Status::Failed => Err(Error::new(ErrorKind::Io, "broken")),
            Some(opened) if opened.status == Status::Lost => Err(missing()),
            opened => opened.ok_or_else(missing),
        };
        Box::pin(std::future::ready(opened))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        let known = self.known.lock().unwrap();
        let summaries = known.iter().map(|(id, (name, _, status))| EnvironmentSummary {
            id: id.clone(),
            name: name.clone(),
            engine: "least".to_owned(),
            status: *status,
            image: None,
            owner: None,
            session: None,
            created: None,
            exit_code: None,
            ports: Vec::new(),
            network_of: None,
        });
        Box::pin(std::future::ready(Ok(summaries.collect())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A manager of this engine and of `basic`, and what the first one knows.
fn manager(base: &std::path::Path) -> (Manager, Known) {
    manager_of(LeastEngine::default(), base)
}

fn manager_of(engine: LeastEngine, base: &std::path::Path) -> (Manager, Known) {
    let known = Arc::clone(&engine.known);
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    registry.register(BasicEngine::below(base)).unwrap();
    (Manager::new(registry), known)
}

async fn create(manager: &Manager, engine: &str) -> Environment {
    let choice = EngineChoice::Named(engine.to_owned());
    manager.create(&choice, EnvironmentSpec::default()).await.unwrap()
}

#[tokio::test]
async fn engine_with_the_least_has_a_life() {
    let base = tempfile::tempdir().unwrap();
    let (manager, known) = manager(base.path());
    let environment = create(&manager, "least").await;
    assert_eq!(environment.status(), Status::Running);
    environment.stop(Duration::ZERO).await.unwrap();
    environment.start().await.unwrap();
    let opened = manager.open(environment.name()).await.unwrap();
    assert_eq!(opened.inspect().await.unwrap().status, Status::Running);
    opened.destroy().await.unwrap();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Lost);
    let error = environment.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
    drop(create(&manager, "least").await);
    assert!(known.lock().unwrap().is_empty());
}

fn unsupported<T>(what: &str, outcome: Result<T>) {
    assert!(outcome.is_err(), "{what}");
    let error = outcome.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}");
}

#[tokio::test]
async fn ability_that_an_engine_lacks_is_unsupported() {
    let base = tempfile::tempdir().unwrap();
    let (manager, _) = manager(base.path());
    let one = create(&manager, "least").await;
    unsupported("exec", one.run(Command::new(["true"])).await);
    unsupported("copy in", one.copy_in(CopySource::bytes("x"), "x").await);
    unsupported("copy out", one.copy_out("x", base.path()).await);
    unsupported("kind", one.file_kind("x").await);
    unsupported("logs", one.logs(LogOptions::default()).await.map(drop));
    unsupported("metrics", one.metrics().await);
    unsupported("pause", one.pause().await);
    unsupported("rename", one.rename("other").await);
    unsupported("processes", one.processes().await);
    unsupported("networks", one.networks().await);
    unsupported("connect", one.connect_network("n", &[]).await);
    unsupported("wait", one.wait().await);
    unsupported("fork", manager.fork(&one, 1, ForkOptions::default()).await);
    let prepared = manager.prepare_forks(&one, 1, ForkOptions::default()).await;
    unsupported("prepare forks", prepared.map(drop));
    unsupported("watch", manager.watch("least").await.map(drop));
    let past = manager.past_events("least", std::time::SystemTime::UNIX_EPOCH, None);
    unsupported("past events", past.await.map(drop));
    unsupported("lock", manager.lock(&one).await);
    let limits = ResourceLimits {
        memory: Some(64 << 20),
        ..ResourceLimits::default()
    };
    unsupported("update", one.update(&limits).await);
    let store = SnapshotStore::open(Some(&base.path().join("store"))).unwrap();
    unsupported("snapshot", one.snapshot(&store, SnapshotOptions::default()).await);
    let to = Destination::at("least", "elsewhere");
    let moved = manager.migrate(&one, &to, MigrateOptions::default()).await;
    let error = moved.unwrap_err();
    one.stop(Duration::ZERO).await.unwrap();
    unsupported("attach", one.start_attached().await.map(drop));
    assert!(
        error.to_string().contains("least cannot be reached at elsewhere"),
        "{error}"
    );

    let source = create(&manager, "basic").await;
    let saved = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
    let options = RestoreOptions {
        engine: Some("least".to_owned()),
        ..RestoreOptions::default()
    };
    unsupported(
        "restore",
        manager.restore(&store, &saved.snapshot, options).await.map(drop),
    );
    let error = manager
        .migrate(&source, &Destination::engine("least"), MigrateOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    source.destroy().await.unwrap();
    one.destroy().await.unwrap();
}

#[tokio::test]
async fn method_that_an_engine_lacks_is_unsupported() {
    let engine = LeastEngine::default();
    unsupported("remove a volume", engine.remove_volume("v").await);
    let spec = EnvironmentSpec::default();
    let mut log = |_: &str| panic!("nothing is built");
    unsupported("build", engine.build_image(&spec, &mut log).await);
    assert_eq!(engine.group_volumes("g").await.unwrap(), [""; 0]);
    assert_eq!(engine.image_id(&spec).await.unwrap(), None);
    assert!(engine.has_image(&spec).await.unwrap() && engine.is_automatic());
    assert_eq!(
        engine.is_image_used("localhost/isolation-state:1").await.unwrap(),
        None
    );
    assert_eq!(
        (engine.address(), engine.version()),
        (None, env!("CARGO_PKG_VERSION"))
    );
    let error = engine.at("elsewhere").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn leftover_is_opened_to_be_removed() {
    let base = tempfile::tempdir().unwrap();
    let (manager, known) = manager(base.path());
    let force = Remove { force: true };
    let one = create(&manager, "least").await;
    let id = one.id().as_str();
    let is = |status| known.lock().unwrap().get_mut(one.id()).unwrap().2 = status;
    is(Status::Failed);
    let error = manager.remove(id, force).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "it may still exist: {error}");
    is(Status::Running);
    manager.remove(id, force).await.unwrap();
    assert!(known.lock().unwrap().is_empty());
    // It is in the list, and ends before it is opened.
    let one = create(&manager, "least").await;
    known.lock().unwrap().get_mut(one.id()).unwrap().2 = Status::Lost;
    manager.remove(one.id().as_str(), force).await.unwrap();
    known.lock().unwrap().clear();
}

#[tokio::test]
async fn feature_that_an_engine_only_claims_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let claims = LeastEngine {
        claims: true,
        ..LeastEngine::default()
    };
    let (manager, known) = manager_of(claims, base.path());
    let one = create(&manager, "least").await;
    unsupported("fork", manager.fork(&one, 2, ForkOptions::default()).await);
    assert_eq!(known.lock().unwrap().len(), 1, "a fork is left");

    let store = SnapshotStore::open(Some(&base.path().join("store"))).unwrap();
    let source = create(&manager, "basic").await;
    let saved = source.snapshot(&store, SnapshotOptions::default()).await.unwrap();
    let options = RestoreOptions {
        engine: Some("least".to_owned()),
        ..RestoreOptions::default()
    };
    let restored = manager.restore(&store, &saved.snapshot, options).await;
    unsupported("restore", restored.map(drop));

    let group = r#"{"name": "g", "volumes": {"data": {}},
        "services": {"one": {"mounts": [{"source": {"volume": "data"}, "target": "/data"}]}}}"#;
    let group = GroupSpec::from_json(group).unwrap();
    let up = manager.up(&EngineChoice::Named("least".to_owned()), group).await;
    let error = up.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "volume of a group: {error}");
    assert!(error.to_string().contains("provide the volume data"), "{error}");
    assert_eq!(known.lock().unwrap().len(), 1, "something is left");
    source.destroy().await.unwrap();
    one.destroy().await.unwrap();
    assert!(known.lock().unwrap().is_empty());
}
