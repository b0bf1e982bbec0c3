//! An engine of another author, with only the required methods: what it lacks is an error that
//! names it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isolation::engines::basic::BasicEngine;
use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
use isolation::{
    BoxFuture, Capabilities, Command, Context, CopySource, Destination, Engine, EngineChoice, Environment,
    EnvironmentId, EnvironmentSpec, EnvironmentSummary, Error, ErrorKind, ForkOptions, Instance,
    InstanceState, IsolationLevel, LogOptions, Manager, MigrateOptions, NewEnvironment, Opened, Probe,
    Registry, ResourceLimits, Result, Signal, Status,
};

/// The environments by their IDs, with their statuses.
type Known = Arc<Mutex<BTreeMap<EnvironmentId, (String, EnvironmentSpec, Status)>>>;

#[derive(Debug, Default, Clone)]
struct LeastEngine(Known);

#[derive(Debug)]
struct LeastInstance {
    id: EnvironmentId,
    known: Known,
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
}

impl Engine for LeastEngine {
    fn name(&self) -> &str {
        "least"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let nothing = Capabilities::new(IsolationLevel::Process);
        Box::pin(std::future::ready(Probe::available("it works", nothing)))
    }

    fn create<'a>(&'a self, new: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        let entry = (new.name.to_owned(), new.spec.clone(), Status::Created);
        self.0.lock().unwrap().insert(new.id.clone(), entry);
        let made = LeastInstance {
            id: new.id.clone(),
            known: Arc::clone(&self.0),
        };
        Box::pin(std::future::ready(Ok(Box::new(made) as Box<dyn Instance>)))
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        let found = self.0.lock().unwrap().get(id).cloned();
        let opened = found.map(|(name, spec, status)| Opened {
            name,
            spec,
            status,
            instance: Box::new(LeastInstance {
                id: id.clone(),
                known: Arc::clone(&self.0),
            }),
        });
        let missing = || Error::not_found("no such environment");
        Box::pin(std::future::ready(opened.ok_or_else(missing)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        let known = self.0.lock().unwrap();
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
        });
        Box::pin(std::future::ready(Ok(summaries.collect())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A manager of this engine and of `basic`, and what the first one knows.
fn manager(base: &std::path::Path) -> (Manager, Known) {
    let engine = LeastEngine::default();
    let known = Arc::clone(&engine.0);
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
