//! The docker engine of `isolation` on the fake engine: an error at any point leaves nothing
//! behind.

use std::sync::Arc;
use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault, Process};
use isolation::engines::docker::DockerEngine;
use isolation::{
    Command, CopyIn, CopySource, Engine, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager,
    Registry, Result, Status, conformance,
};
use tests::chain;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::abandon_after;

pub(super) const IMAGE: &str = "busybox:latest";

pub(super) fn on(fake: &FakeEngine) -> Manager {
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(engine).unwrap();
    Manager::new(registry)
}

pub(super) fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(IMAGE.to_owned()),
        ..EnvironmentSpec::default()
    }
}

pub(super) async fn create(manager: &Manager, spec: EnvironmentSpec) -> Result<Environment> {
    manager.create(&EngineChoice::Auto, spec).await
}

/// Waits until everything is removed that is removed in the background.
pub(super) async fn until_gone(fake: &FakeEngine) {
    for _ in 0..1000 {
        if fake.resources().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fake.resources(), [""; 0]);
}

/// The reply of a daemon that refuses a request.
pub(super) fn refused(status: u16, message: &str) -> Fault {
    let message = message.to_owned();
    Fault::Error { status, message }
}

/// The number of requests with this method and this part of a path.
pub(super) fn asked(fake: &FakeEngine, method: &str, part: &str) -> usize {
    let requests = fake.requests();
    let is_it = |request: &&String| request.starts_with(method) && request.contains(part);
    requests.iter().filter(is_it).count()
}

/// A fake engine that has the image, and a running environment on it.
pub(super) async fn active() -> (FakeEngine, Manager, Environment) {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    (fake, manager, environment)
}

/// Creates an environment, runs a command, copies in both directions, and destroys it.
async fn whole_life(manager: &Manager) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("in");
    std::fs::write(&source, "content").unwrap();
    let copies = vec![CopyIn {
        source,
        target: "/file".into(),
    }];
    let environment = create(manager, EnvironmentSpec { copies, ..spec() }).await?;
    environment.copy_in(CopySource::bytes("more"), "/other").await?;
    let back = directory.path().join("out");
    environment.copy_out("/other", &back).await?;
    assert_eq!(std::fs::read(back).unwrap(), b"more");
    let output = environment.run(Command::shell("cat /file; exit 3")).await?;
    assert_eq!((output.stdout_text().as_str(), output.exit.code), ("content", 3));
    environment.destroy().await
}

/// Waits for all background work; on the paused clock that takes no time.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_secs(300)).await;
}

/// The requests of [`whole_life`], in order.
async fn requests() -> Vec<String> {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    whole_life(&on(&fake))
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    fake.requests()
}

/// Repeats [`whole_life`] for each of its requests, with a fault at that request, and checks that
/// nothing is left.
async fn goes_wrong_everywhere(goes_wrong: impl Fn(&FakeEngine, usize)) {
    let requests = requests().await;
    assert!(requests.len() > 10, "{requests:#?}");
    for (nth, request) in requests.iter().enumerate() {
        let fake = FakeEngine::new().with_registry_image(IMAGE);
        goes_wrong(&fake, nth);
        // A stalled pull has no timeout of its own.
        let outcome = timeout(Duration::from_secs(3600), whole_life(&on(&fake))).await;
        settle().await;
        let outcome_text = match outcome {
            Ok(outcome) => outcome.err().map(|error| chain(&error)).unwrap_or_default(),
            Err(_) => "given up".to_owned(),
        };
        assert_eq!(
            fake.resources(),
            [""; 0],
            "at request {nth}, {request}: {outcome_text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn proxy_may_refuse_ping_and_version() {
    let fake = FakeEngine::new().with_image(IMAGE);
    for (method, path) in [("HEAD", "/_ping"), ("GET", "/_ping"), ("GET", "/version")] {
        for _ in 0..10 {
            let (status, message) = (403, "forbidden by administrative rules".to_owned());
            fake.fail_next(method, path, Fault::Error { status, message });
        }
    }
    let probe = DockerEngine::new(Docker::with_connector(fake.clone()))
        .probe()
        .await;
    let available = probe.availability.to_string();
    assert!(available.contains("Docker 28.5.2, API 1.51"), "{available}");
    whole_life(&on(&fake))
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
}

fn out_of_space() -> Fault {
    Fault::internal_error("no space left on device")
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_any_request_is_refused() {
    goes_wrong_everywhere(|fake, nth| fake.fail_nth(nth, out_of_space())).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_cleanup_fails_once() {
    goes_wrong_everywhere(|fake, nth| {
        for more in 0..4 {
            fake.fail_nth(nth + more, out_of_space());
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_any_request_is_cut() {
    goes_wrong_everywhere(|fake, nth| fake.fail_nth(nth, Fault::CloseBefore)).await;
    goes_wrong_everywhere(|fake, nth| fake.fail_nth(nth, Fault::CloseAfter)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_any_request_stalls() {
    goes_wrong_everywhere(|fake, nth| fake.fail_nth(nth, Fault::StallBefore)).await;
    goes_wrong_everywhere(|fake, nth| fake.fail_nth(nth, Fault::StallAfter)).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_the_daemon_restarts_anywhere() {
    goes_wrong_everywhere(|fake, nth| {
        fake.fail_nth(nth, Fault::Disconnect);
        let fake = fake.clone();
        tokio::spawn(async move {
            while fake.requests().len() <= nth {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            fake.reconnect();
        });
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_if_dropped_anywhere() {
    let mut begun = 0;
    for waits in 0..60 {
        let fake = FakeEngine::new().with_registry_image(IMAGE);
        fake.set_pull_delay(Duration::from_secs(5));
        let manager = on(&fake);
        abandon_after(Box::pin(whole_life(&manager)), waits).await;
        begun += usize::from(!fake.snapshot().containers.is_empty());
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "given up after {waits} waits");
    }
    assert!(begun > 3, "no life was given up halfway");
}

#[tokio::test(start_paused = true)]
async fn sixteen_destroys_succeed_though_removal_is_slow() {
    let (fake, manager, environment) = active().await;
    fake.set_removal_delay(Duration::from_secs(7));
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let environment = environment.clone();
        tasks.spawn(async move { environment.destroy().await });
    }
    while let Some(destroyed) = tasks.join_next().await {
        destroyed
            .unwrap()
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
    }
    assert_eq!(environment.status(), Status::Destroyed);
    let opened = manager.open(environment.id().as_str()).await;
    assert!(opened.unwrap_err().is_not_found());
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_environments_at_once_leave_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = Arc::new(on(&fake));
    let mut lives = JoinSet::new();
    for _ in 0..24 {
        let manager = Arc::clone(&manager);
        lives.spawn(async move { whole_life(&manager).await });
    }
    while let Some(life) = lives.join_next().await {
        life.unwrap().unwrap_or_else(|error| panic!("{}", chain(&error)));
    }
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn destroy_succeeds_if_already_removed() {
    let (fake, _manager, environment) = active().await;
    let docker = Docker::with_connector(fake.clone());
    let name = fake.snapshot().containers.pop_first().unwrap();
    tests::scenarios::remove(&docker, &name).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(environment.status(), Status::Destroyed);
}

/// A container that could not be removed completely is `dead`: a later removal can succeed.
#[tokio::test(start_paused = true)]
async fn removal_that_fails_is_retried_then_reported() {
    let busy = "driver \"overlay2\" failed to remove root filesystem: device or resource busy";
    for (failures, removed) in [(5, true), (1000, false)] {
        let (fake, _manager, environment) = active().await;
        for _ in 0..failures {
            fake.fail_next("DELETE", "", Fault::internal_error(busy));
        }
        let destroyed = environment.destroy().await;
        assert_eq!(destroyed.is_ok(), removed, "{failures} failures: {destroyed:?}");
        if let Err(error) = destroyed {
            assert!(chain(&error).contains(busy), "{}", chain(&error));
            assert_eq!(fake.resources().len(), 1, "what is left can be seen");
            fake.reset();
            environment.destroy().await.unwrap();
        }
        assert_eq!(fake.resources(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn lost_daemon_is_reported_and_cleaned_up_later() {
    let (fake, _manager, environment) = active().await;
    fake.disconnect();
    let error = environment.run(Command::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    let error = environment.destroy().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", chain(&error));
    assert_eq!(fake.resources().len(), 1, "what is left can be seen");
    fake.reconnect();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// A removal in the background used to give up at once while the daemon restarted.
#[tokio::test(start_paused = true)]
async fn drop_during_a_restart_is_cleaned_up_after_it() {
    for (seconds, left) in [(4, 0), (6, 1)] {
        let (fake, _manager, environment) = active().await;
        fake.disconnect();
        drop(environment);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        fake.reconnect();
        settle().await;
        assert_eq!(fake.resources().len(), left, "gone for {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn manager_reports_failed_destroys_and_can_retry() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let mut alive = Vec::new();
    for _ in 0..2 {
        alive.push(manager.create(&EngineChoice::Auto, spec()).await.unwrap());
    }
    fake.disconnect();
    let error = manager.shutdown().await.unwrap_err();
    assert_eq!((error.kind(), error.failures().len()), (ErrorKind::Cleanup, 2));
    fake.reconnect();
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn out_of_memory_is_reported() {
    let (fake, _manager, environment) = active().await;
    fake.on_command("hungry", |process: Process| async move {
        process.run_out_of_memory().await
    });
    let output = environment.run(Command::new(["hungry"])).await.unwrap();
    assert_eq!((output.exit.code, output.exit.oom), (137, true));
    let output = environment.run(Command::shell("exit 137")).await.unwrap();
    assert_eq!((output.exit.code, output.exit.oom), (137, false));
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn name_conflict_is_reported_and_harms_nothing() {
    let (fake, _manager, environment) = active().await;
    let refused = "Conflict. The container name is already in use";
    let (status, message) = (409, refused.to_owned());
    fake.fail_next("POST", "/containers/create", Fault::Error { status, message });
    let error = create(&on(&fake), spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(chain(&error).contains(refused), "{}", chain(&error));
    settle().await;
    assert_eq!(fake.snapshot().containers.len(), 1);
    environment.destroy().await.unwrap();
}

/// A container that is made anew did not exist yet when the guard of the first one looked.
#[tokio::test(start_paused = true)]
async fn start_given_up_while_made_anew_leaves_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let (status, message) = (500, "failed to initialize logging driver".to_owned());
    fake.fail_next("POST", "/start", Fault::Error { status, message });
    // The first one is created at once.
    let path = "/containers/create";
    fake.fail_next("POST", path, Fault::Delay(Duration::ZERO));
    fake.fail_next("POST", path, Fault::Late(Duration::from_secs(20)));
    let given_up = timeout(Duration::from_secs(5), create(&manager, spec())).await;
    assert!(given_up.is_err(), "{given_up:?}");
    assert_eq!(fake.snapshot().containers.len(), 0, "the second one comes later");
    tokio::time::sleep(Duration::from_secs(30)).await;
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// A replacement for the suite's `awk` program: it writes numbered lines.
async fn numbered_lines(process: Process) -> i32 {
    for begin in (0..524_288).step_by(1024) {
        let lines: String = (begin..begin + 1024).map(|n| format!("{n:015}\n")).collect();
        if !process.stdout.write(lines).await {
            return 141;
        }
    }
    0
}

// This test uses the real clock: the paused clock advances only when all tasks are idle, and some
// of the programs never are.
#[tokio::test]
async fn conformance_suite_passes() {
    let fake = FakeEngine::new().with_image(IMAGE);
    fake.on_command("awk", numbered_lines);
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let report = conformance::check(Arc::new(engine), &spec).await;
    let mut failed = report.failed.clone();
    failed.retain(|check| !WITHOUT_COMMITS.contains(&check.check));
    assert!(failed.is_empty(), "{report}");
    assert!(report.passed.len() > 30, "{report}");
}

/// The daemon in memory makes no images of containers.
const WITHOUT_COMMITS: [&str; 3] = [
    "forks have files of their own",
    "prepared forks have the state of their preparation",
    "a snapshot is restored",
];
