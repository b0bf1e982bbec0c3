//! Reports of an engine about calls of the same manager: each change is one event, in every order.

use isolation::{
    EngineChoice, Environment, EnvironmentId, EnvironmentSpec, EventKind, Health, Manager, ManagerOptions,
    Observed, Registry, Signal, Status, Subscription, Watching,
};

use crate::scripted::{Keeper, Scripted, ScriptedEngine, gate};

/// A running environment of a scripted engine, and the events after its start.
struct Case {
    script: Scripted,
    manager: Manager,
    environment: Environment,
    events: Subscription,
    _watching: Watching,
}

impl Case {
    async fn new() -> Self {
        let script = Scripted::default();
        let mut registry = Registry::new();
        registry.register(ScriptedEngine(script.clone())).unwrap();
        let options = ManagerOptions {
            journal: false,
            ..ManagerOptions::default()
        };
        let manager = Manager::with_options(registry, options);
        let watching = manager.watch("scripted").await.unwrap();
        let environment = manager.create(&EngineChoice::Auto, EnvironmentSpec::default());
        let environment = environment.await.unwrap();
        let mut case = Self {
            events: manager.subscribe(),
            script,
            manager,
            environment,
            _watching: watching,
        };
        case.report(Observed::Started);
        assert_eq!(case.after_reports().await, []);
        case
    }

    fn report(&self, observed: Observed) {
        self.script.report(self.environment.id(), observed);
    }

    fn hold_removal(&self) -> Keeper {
        let (gate, keeper) = gate();
        self.script.with(|script| script.removals.push_back(gate));
        keeper
    }

    fn hold_inspection(&self) -> Keeper {
        let (gate, keeper) = gate();
        self.script.with(|script| script.inspections.push_back(gate));
        keeper
    }

    /// The events of the environment so far, after all reports were handled.
    async fn after_reports(&mut self) -> Vec<EventKind> {
        let other = EnvironmentId::random();
        self.script.report(&other, Observed::OutOfMemory);
        let mut seen = Vec::new();
        loop {
            let event = self.events.next().await.unwrap().unwrap();
            match event.subject.environment_id() {
                Some(id) if id == self.environment.id() => seen.push(event.kind),
                Some(id) if *id == other => return seen,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn removal_that_is_reported_first_is_one_event() {
    let mut case = Case::new().await;
    let keeper = case.hold_removal();
    let destroying = tokio::spawn({
        let environment = case.environment.clone();
        async move { environment.destroy().await }
    });
    keeper.come.await.unwrap();
    case.report(Observed::Removed);
    assert_eq!(case.after_reports().await, []);
    keeper.go_on.send(()).unwrap();
    destroying.await.unwrap().unwrap();
    assert_eq!(case.after_reports().await, [EventKind::Destroyed]);
}

#[tokio::test]
async fn removal_that_is_reported_later_is_one_event() {
    let mut case = Case::new().await;
    case.environment.destroy().await.unwrap();
    case.report(Observed::Removed);
    assert_eq!(case.after_reports().await, [EventKind::Destroyed]);
}

#[tokio::test]
async fn removal_while_its_report_is_handled_is_one_event() {
    let mut case = Case::new().await;
    let keeper = case.hold_inspection();
    case.script.is(None);
    case.report(Observed::Removed);
    keeper.come.await.unwrap();
    case.environment.destroy().await.unwrap();
    keeper.go_on.send(()).unwrap();
    assert_eq!(case.after_reports().await, [EventKind::Destroyed]);
}

#[tokio::test]
async fn removal_by_another_process_is_lost_once() {
    let mut case = Case::new().await;
    case.script.is(None);
    for _ in 0..2 {
        case.report(Observed::Removed);
    }
    assert_eq!(case.after_reports().await, [EventKind::Lost]);
    case.environment.destroy().await.unwrap();
    case.report(Observed::Removed);
    assert_eq!(case.after_reports().await, [EventKind::Destroyed]);
}

#[tokio::test]
async fn answer_from_before_a_kill_is_not_a_start() {
    let mut case = Case::new().await;
    let keeper = case.hold_inspection();
    case.report(Observed::Unpaused);
    keeper.come.await.unwrap();
    case.environment.kill(Signal::Kill).await.unwrap();
    keeper.go_on.send(()).unwrap();
    assert_eq!(case.after_reports().await, [EventKind::Stopped]);
    assert_eq!(case.environment.status(), Status::Stopped);
}

#[tokio::test]
async fn rename_that_is_reported_later_is_one_event() {
    let mut case = Case::new().await;
    case.environment.rename("b").await.unwrap();
    case.environment.rename("c").await.unwrap();
    case.report(Observed::Renamed("b".into()));
    case.report(Observed::Renamed("c".into()));
    let names: Vec<EventKind> = ["b", "c"]
        .map(|name| EventKind::Renamed { name: name.into() })
        .into();
    assert_eq!(case.after_reports().await, names);
    assert_eq!(case.environment.name(), "c");
}

#[tokio::test]
async fn two_watches_send_an_event_once() {
    let mut case = Case::new().await;
    let second = case.manager.watch("scripted").await.unwrap();
    case.report(Observed::Killed(None));
    let killed = EventKind::Killed { signal: None };
    assert_eq!(case.after_reports().await, [killed]);
    assert_eq!(case.script.with(|script| script.watches), 1);
    drop(second);
    case.report(Observed::Restarted);
    assert_eq!(case.after_reports().await, [EventKind::Restarted]);
}

#[tokio::test]
async fn health_that_is_reported_twice_is_one_event() {
    let mut case = Case::new().await;
    let (healthy, unhealthy) = (Health::Healthy, Health::Unhealthy);
    for health in [healthy, healthy, unhealthy] {
        case.report(Observed::Health(health));
    }
    let events = [healthy, unhealthy].map(|health| EventKind::Health { health });
    assert_eq!(case.after_reports().await, events);
    assert_eq!(case.environment.health(), Some(unhealthy));
}
