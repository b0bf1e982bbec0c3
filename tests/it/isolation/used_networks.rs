//! Removals of environments whose network others have.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RemoveContainer};
use fake_engine::{FakeEngine, Fault};
use isolation::{
    Command, Environment, EnvironmentSpec, Error, ErrorKind, EventKind, Lifetime, Manager, NetworkMode,
    NetworkSpec, PublishedPort, Remove, Status,
};
use tests::chain;
use tokio::time::{Instant, timeout};

use super::docker_engine::{IMAGE, asked, create, on, settle, spec};

const FIRST: &str =
    "its network is used by the environment app; destroy what uses it first: `isolate rm --force`";

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// An idle environment with the network of this one.
fn app_of(other: &Environment) -> EnvironmentSpec {
    EnvironmentSpec {
        name: Some("app".to_owned()),
        network: NetworkSpec {
            mode: NetworkMode::Environment(other.id().to_string()),
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

fn assert_refused(error: &Error, words: &str) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", chain(error));
    assert!(chain(error).contains(words), "{}", chain(error));
}

/// Removal by a process that has no handle of them.
async fn remove_elsewhere(fake: &FakeEngine, environment: &Environment) -> isolation::Result<()> {
    let force = Remove { force: true };
    on(fake).remove(environment.id().as_str(), force).await.map(drop)
}

async fn assert_runs(environment: &Environment) {
    assert_eq!(environment.status(), Status::Running);
    let output = environment.run(Command::shell("echo here")).await.unwrap();
    assert_eq!(output.stdout_text(), "here\n");
}

/// Docker removes the container of another process's network. One that ends with its owner takes
/// that network along anyway, and the daemon is not asked.
#[tokio::test(start_paused = true)]
async fn kept_network_of_another_process_stays() {
    for lifetime in [Lifetime::Kept, Lifetime::Owner] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let (manager, other) = (on(&fake), on(&fake));
        let vpn = made(&manager, EnvironmentSpec { lifetime, ..spec() }).await;
        let app = made(&other, app_of(&vpn)).await;
        fake.reset();
        if lifetime == Lifetime::Kept {
            assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
            assert_runs(&vpn).await;
            app.destroy().await.unwrap();
            vpn.destroy().await.unwrap();
        } else {
            vpn.destroy().await.unwrap();
            let lists = fake.requests();
            assert!(
                !lists.iter().any(|one| one.contains("/containers/json")),
                "{lists:?}"
            );
            app.destroy().await.unwrap();
        }
        assert_eq!(fake.resources(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn environment_whose_network_is_used_stays() {
    for podman in [false, true] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let fake = if podman { fake.as_podman() } else { fake };
        let manager = on(&fake);
        let vpn = made(&manager, spec()).await;
        let app = made(&manager, app_of(&vpn)).await;
        let removals = asked(&fake, "DELETE", "");
        let began = Instant::now();
        assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_refused(&remove_elsewhere(&fake, &vpn).await.unwrap_err(), FIRST);
        // One that does not run could not start any more.
        app.stop(Duration::ZERO).await.unwrap();
        assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
        assert_eq!(asked(&fake, "DELETE", ""), removals);
        assert_runs(&vpn).await;
        // This process does not know of that removal.
        remove_elsewhere(&fake, &app).await.unwrap();
        vpn.destroy().await.unwrap();
        drop(app);
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{podman}");
    }
}

#[tokio::test(start_paused = true)]
async fn environments_with_one_network_end_together() {
    let fake = FakeEngine::new().with_image(IMAGE);
    for all in [false, true] {
        let manager = on(&fake);
        let vpn = made(&manager, spec()).await;
        let app = made(&manager, app_of(&vpn)).await;
        // The handle of another task.
        let again = manager.open(app.id().as_str()).await.unwrap();
        if all {
            manager.shutdown().await.unwrap();
        } else {
            let (one, other) = tokio::join!(vpn.destroy(), app.destroy());
            one.unwrap();
            other.unwrap();
        }
        drop(again);
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{all}");
    }
}

/// The report of Podman about a container whose network others have, more often than a removal is
/// tried.
fn refuse(fake: &FakeEngine, container: &str, dependents: &str) {
    let message = format!(
        "container {container} has dependent containers which must be removed before it: {dependents}: container \
         already exists"
    );
    for _ in 0..600 {
        fake.fail_next("DELETE", container, Fault::internal_error(&message));
    }
}

/// Another process has created the others.
#[tokio::test(start_paused = true)]
async fn removal_that_podman_refuses_changes_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let (manager, elsewhere) = (on(&fake), on(&fake));
    let published = NetworkSpec {
        ports: vec![PublishedPort::from(80)],
        ..NetworkSpec::default()
    };
    let published = EnvironmentSpec {
        network: published,
        ..spec()
    };
    let vpn = made(&manager, published).await;
    let app = made(&elsewhere, app_of(&vpn)).await;
    let container = |details: &std::collections::BTreeMap<String, String>| details["container"].clone();
    let own = container(&vpn.inspect().await.unwrap().details);
    let of_app = app.inspect().await.unwrap().details["container_id"].clone();
    let endpoint = vpn.endpoint(80).await.unwrap();
    refuse(&fake, &own, &of_app);
    assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
    assert_runs(&vpn).await;
    assert_eq!(vpn.endpoint(80).await.unwrap(), endpoint);
    // Podman kills no paused container, so it was resumed.
    vpn.pause().await.unwrap();
    assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
    assert_eq!(vpn.status(), Status::Paused);
    assert_eq!(vpn.inspect().await.unwrap().status, Status::Paused);
    vpn.unpause().await.unwrap();
    vpn.stop(Duration::ZERO).await.unwrap();
    assert_refused(&vpn.destroy().await.unwrap_err(), FIRST);
    assert_eq!(vpn.status(), Status::Stopped);
    vpn.start().await.unwrap();
    fake.reset();
    app.destroy().await.unwrap();
    vpn.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn removal_names_containers_of_strangers() {
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let details = vpn.inspect().await.unwrap().details;
    let (own, id) = (&details["container"], &details["container_id"]);
    let docker = Docker::with_connector(fake.clone());
    let stranger = CreateContainer {
        name: Some("stranger".to_owned()),
        image: IMAGE.to_owned(),
        ..CreateContainer::default()
    };
    let stranger = docker.containers().create(stranger).await.unwrap();
    let unknown = "f".repeat(64);
    for (dependents, words) in [
        (
            &stranger.id,
            "its network is used by the container stranger; remove what uses it first".to_owned(),
        ),
        (
            &unknown,
            format!("its network is used by the container {unknown}"),
        ),
    ] {
        refuse(&fake, own, dependents);
        refuse(&fake, id, dependents);
        assert_refused(&vpn.destroy().await.unwrap_err(), &words);
        assert_eq!(vpn.status(), Status::Running);
        assert_refused(&remove_elsewhere(&fake, &vpn).await.unwrap_err(), &words);
        fake.reset();
    }
    docker
        .containers()
        .remove(&stranger.id, RemoveContainer::default())
        .await
        .unwrap();
    vpn.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// Its state cannot be read, so nothing is known of it.
#[tokio::test(start_paused = true)]
async fn environment_of_an_unknown_state_has_failed() {
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let mut events = manager.subscribe();
    let own = vpn.inspect().await.unwrap().details["container"].clone();
    refuse(&fake, &own, &"f".repeat(64));
    for _ in 0..10 {
        fake.fail_next(
            "GET",
            &format!("/containers/{own}/json"),
            Fault::internal_error("broken"),
        );
    }
    assert_eq!(vpn.destroy().await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(vpn.status(), Status::Failed);
    let failed = events.next().await.unwrap().unwrap();
    assert!(matches!(failed.kind, EventKind::Failed { .. }), "{failed:?}");
    fake.reset();
    vpn.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn removal_waits_for_a_longer_one_of_this_process() {
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, app_of(&vpn)).await;
    let (own, of_app) = (
        vpn.inspect().await.unwrap().details,
        app.inspect().await.unwrap().details,
    );
    fake.fail_next(
        "DELETE",
        &of_app["container"],
        Fault::Delay(Duration::from_secs(20)),
    );
    let message = format!(
        "has dependent containers which must be removed before it: {}",
        of_app["container_id"]
    );
    // Refused for more than ten seconds.
    for _ in 0..30 {
        fake.fail_next("DELETE", &own["container"], Fault::internal_error(&message));
    }
    let began = Instant::now();
    let (one, other) = tokio::join!(app.destroy(), vpn.destroy());
    one.unwrap();
    other.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(
        began.elapsed() >= Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn removal_that_waits_for_a_shutdown_has_ended() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(&manager, app_of(&vpn)).await;
    let mut waiting = Box::pin(vpn.destroy());
    let early = timeout(Duration::from_secs(1), &mut waiting).await;
    assert!(early.is_err(), "its network is used: {early:?}");
    manager.shutdown().await.unwrap();
    let removals = asked(&fake, "DELETE", "");
    waiting.await.unwrap();
    assert_eq!(
        (vpn.status(), app.status()),
        (Status::Destroyed, Status::Destroyed)
    );
    assert_eq!(asked(&fake, "DELETE", ""), removals);
    assert_eq!(fake.resources(), [""; 0]);
}
