use std::any::Any;
use std::path::Path;

use isolation::engines::basic::BasicEngine;
use isolation::{
    BoxFuture, Capabilities, Command, Context, CopyIn, Engine, EngineChoice, EnvironmentId, EnvironmentSpec,
    EnvironmentSummary, Error, ErrorKind, EventKind, Feature, Instance, IsolationLevel, Lagged, Lifetime,
    Manager, NewEnvironment, Opened, Probe, Registry, ResourceLimits, Result, Status, Subscription,
};

/// An engine with every feature that is never available.
#[derive(Debug)]
struct Absent;

impl Engine for Absent {
    fn name(&self) -> &str {
        "absent"
    }

    fn probe(&self) -> BoxFuture<'_, Probe> {
        let everything = Capabilities::new(IsolationLevel::Container).with(Feature::ALL);
        let probe = Probe::unavailable("it is not installed", "install it", everything);
        Box::pin(std::future::ready(probe))
    }

    fn create<'a>(&'a self, _: NewEnvironment<'a>) -> BoxFuture<'a, Result<Box<dyn Instance>>> {
        Box::pin(async { Err(Error::unavailable("absent", "it is not installed", "install it")) })
    }

    fn open<'a>(&'a self, id: &'a EnvironmentId, _: &'a Context) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move { Err(Error::not_found(id.as_str())) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<EnvironmentSummary>>> {
        Box::pin(async { Err(Error::unavailable("absent", "it is not installed", "install it")) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn manager(base: &Path) -> Manager {
    let mut registry = Registry::new();
    registry.register(Absent).unwrap();
    registry.register(BasicEngine::below(base)).unwrap();
    Manager::new(registry)
}

fn named(name: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        name: Some(name.into()),
        ..EnvironmentSpec::default()
    }
}

fn left(base: &Path) -> usize {
    std::fs::read_dir(base).unwrap().count()
}

/// The next event, as `name: kind`.
async fn next_event(events: &mut Subscription) -> String {
    match events.next().await {
        Some(Ok(event)) => {
            let kind = format!("{:?}", event.kind);
            let kind = kind.split([' ', '{']).next().unwrap_or_default();
            format!("{}: {kind}", event.subject.name())
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn auto_takes_the_first_engine_with_all_features() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let spec = EnvironmentSpec::default();
    let selection = manager
        .registry()
        .select(&EngineChoice::Auto, &spec)
        .await
        .unwrap();
    assert_eq!(selection.engine.name(), "basic");
    let passed: Vec<String> = selection.rejected.iter().map(ToString::to_string).collect();
    assert_eq!(passed, ["absent: not available: it is not installed; install it"]);

    let limits = ResourceLimits {
        shm_size: Some(1 << 28),
        ..ResourceLimits::default()
    };
    let spec = EnvironmentSpec { limits, ..spec };
    let error = manager
        .create(&EngineChoice::Auto, spec.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoEngine);
    assert_eq!(error.rejected().len(), 2);
    let basic = "basic".parse().unwrap();
    let error = manager.create(&basic, spec).await.unwrap_err();
    assert_eq!(error.alternatives(), ["absent"]);
    assert!(error.to_string().ends_with("supported by: absent"), "{error}");
    assert_eq!(left(base.path()), 0);
}

#[tokio::test]
async fn unknown_engine_lists_the_registered_names() {
    let base = tempfile::tempdir().unwrap();
    let choice = "dokcer".parse().unwrap();
    let error = manager(base.path())
        .create(&choice, EnvironmentSpec::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown engine \"dokcer\"; registered engines: absent, basic"
    );
    let mut registry = Registry::with_builtin();
    registry.register(BasicEngine::new()).unwrap_err();
    assert!(registry.compare("basic", "basic").await.unwrap().is_empty());
}

#[tokio::test]
async fn events_follow_the_life_of_an_environment() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let mut events = manager.subscribe();
    let environment = manager.create(&EngineChoice::Auto, named("web")).await.unwrap();
    environment.run(Command::shell("exit 3")).await.unwrap();
    drop(
        environment
            .execute(Command::new(["sleep", "100000"]))
            .await
            .unwrap(),
    );
    let error = environment.wait().await.unwrap_err();
    assert_eq!(error.alternatives(), ["absent"]);
    environment.destroy().await.unwrap();
    drop(environment);
    drop(manager);
    for expected in [
        "absent: Rejected",
        "basic: Chosen",
        "web: Creating",
        "web: Created",
        "web: Started",
        "web: CommandStarted",
        "web: CommandEnded",
        "web: CommandStarted",
        "web: CommandAbandoned",
        "web: Failed",
        "web: Destroyed",
    ] {
        assert_eq!(next_event(&mut events).await, expected);
    }
    assert!(events.next().await.is_none(), "the end was reported twice");
}

#[tokio::test]
async fn slow_subscriber_is_told_how_many_it_missed() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let mut slow = manager.subscribe();
    let environment = manager.create(&EngineChoice::Auto, named("web")).await.unwrap();
    for _ in 0..700 {
        environment
            .execute(Command::new(["no-such-program"]))
            .await
            .unwrap();
    }
    assert!(matches!(slow.next().await, Some(Err(Lagged(count))) if count > 300));
    assert!(matches!(slow.next().await, Some(Ok(event)) if event.kind != EventKind::Created));
}

#[tokio::test]
async fn shutdown_destroys_all_and_ends_creation() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let mut held = Vec::new();
    for name in ["first", "second", "third"] {
        held.push(manager.create(&EngineChoice::Auto, named(name)).await.unwrap());
    }
    let known = manager.environments();
    assert_eq!(known.len(), 3);
    assert!(
        known
            .iter()
            .all(|one| one.session.as_deref() == Some(manager.session()))
    );
    let mut events = manager.subscribe();
    manager.shutdown().await.unwrap();
    let mut destroyed = Vec::new();
    for _ in 0..3 {
        destroyed.push(next_event(&mut events).await);
    }
    destroyed.sort_unstable();
    assert_eq!(
        destroyed,
        ["first: Destroyed", "second: Destroyed", "third: Destroyed"]
    );
    assert!(held.iter().all(|one| one.status() == Status::Destroyed));
    assert_eq!((left(base.path()), manager.environments().len()), (0, 0));
    manager.shutdown().await.unwrap();
    let late = manager
        .create(&EngineChoice::Auto, named("late"))
        .await
        .unwrap_err();
    assert_eq!(late.kind(), ErrorKind::ShutDown);
}

#[tokio::test]
async fn dropped_guard_destroys_unless_kept() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    drop(
        manager
            .create(&EngineChoice::Auto, named("dropped"))
            .await
            .unwrap(),
    );
    assert_eq!((left(base.path()), manager.environments().len()), (0, 0));
    let kept = manager.create(&EngineChoice::Auto, named("kept")).await.unwrap();
    kept.keep().await.unwrap();
    drop(kept);
    manager.shutdown().await.unwrap();
    drop(manager);
    assert_eq!(left(base.path()), 1);
    let manager = self::manager(base.path());
    let opened = manager.open("kept").await.unwrap();
    drop(opened.clone());
    assert_eq!(opened.status(), Status::Running);
    opened.destroy().await.unwrap();
    assert_eq!(left(base.path()), 0);
}

#[tokio::test]
async fn kept_environment_is_kept_from_the_start() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    let spec = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..named("kept")
    };
    let kept = manager.create(&EngineChoice::Auto, spec.clone()).await.unwrap();
    assert!(kept.is_kept());
    drop(kept);
    manager.shutdown().await.unwrap();
    assert_eq!(left(base.path()), 1);
    // A creation that fails leaves nothing, also if the environment is to be kept.
    let manager = self::manager(base.path());
    let copies = vec![CopyIn {
        source: base.path().to_owned(),
        target: "../outside".into(),
    }];
    let spec = EnvironmentSpec { copies, ..spec };
    manager.create(&EngineChoice::Auto, spec).await.unwrap_err();
    assert_eq!(left(base.path()), 1);
    manager.open("kept").await.unwrap().destroy().await.unwrap();
}

#[test]
fn manager_dropped_without_a_runtime_cleans_up() {
    let base = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let manager = manager(base.path());
    let held = runtime
        .block_on(manager.create(&EngineChoice::Auto, named("held")))
        .unwrap();
    drop(runtime);
    drop(manager);
    assert_eq!((left(base.path()), held.status()), (0, Status::Destroyed));
}

#[tokio::test]
async fn cancelled_creation_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    for n in 0..50 {
        std::fs::write(source.path().join(n.to_string()), "x").unwrap();
    }
    let manager = manager(base.path());
    let copies = vec![CopyIn {
        source: source.path().into(),
        target: "tree".into(),
    }];
    let spec = EnvironmentSpec {
        copies,
        ..EnvironmentSpec::default()
    };
    for polls in 0..20 {
        let create = manager.create(&EngineChoice::Auto, spec.clone());
        tokio::pin!(create);
        for _ in 0..polls {
            // Polled a few times, then dropped at that point.
            tokio::select! {
                biased;
                created = &mut create => { drop(created.unwrap()); break }
                () = tokio::task::yield_now() => {}
            }
        }
    }
    manager.shutdown().await.unwrap();
    assert_eq!(left(base.path()), 0);
}

#[test]
fn drop_outside_a_runtime_destroys_everything() {
    let base = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (manager, environments) = runtime.block_on(async {
        let manager = manager(base.path());
        let mut environments = Vec::new();
        for number in 0..20 {
            let spec = named(&format!("one-{number}"));
            environments.push(
                manager
                    .create(&EngineChoice::Named("basic".into()), spec)
                    .await
                    .unwrap(),
            );
        }
        (manager, environments)
    });
    drop(runtime);
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 20);
    drop(manager);
    // It does not wait for the handles, and has destroyed all of them when it returns.
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    drop(environments);
}

#[test]
fn built_in_engine_is_found_by_its_type() {
    let registry = Registry::with_builtin();
    let basic = registry.get_as::<BasicEngine>("basic").unwrap();
    assert_eq!(basic.base(), BasicEngine::default().base());
    assert_eq!(basic.base(), std::env::temp_dir());
    assert!(registry.get_as::<Absent>("basic").is_none(), "it is another type");
    assert!(registry.get_as::<BasicEngine>("no-such").is_none());
    #[cfg(target_os = "linux")]
    {
        use isolation::engines::sandbox::SandboxEngine;
        let sandbox = registry.get_as::<SandboxEngine>("sandbox").unwrap();
        assert_eq!(sandbox.base(), SandboxEngine::default().base());
    }
}

#[tokio::test]
async fn option_that_an_engine_does_not_have_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let manager = manager(base.path());
    for (options, word) in [
        (serde_json::json!({"memory": 1}), "\"memory\""),
        (serde_json::json!([1]), "must be a JSON object"),
    ] {
        let spec = EnvironmentSpec {
            engine_options: [("basic".to_owned(), options)].into(),
            ..EnvironmentSpec::default()
        };
        let error = manager
            .create(&EngineChoice::Named("basic".into()), spec)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(format!("{error:?}").contains(word), "{error:?}");
    }
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
}
