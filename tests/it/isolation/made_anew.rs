//! Containers that are made anew, of Podman and of environments that share a network; images for
//! another platform, or that were looked for before; limits that cannot be read back.

use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, NetworkMode, NetworkSpec,
    ResourceLimits, Status,
};
use serde_json::json;
use tests::chain;

use super::docker_engine::{IMAGE, asked, create, on, settle, spec};

async fn made(manager: &Manager, spec: EnvironmentSpec) -> Environment {
    let made = create(manager, spec).await;
    made.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

fn with_network(network: NetworkSpec) -> EnvironmentSpec {
    EnvironmentSpec { network, ..spec() }
}

/// Podman chooses a port of the host once for each container, Docker at each start.
#[tokio::test(start_paused = true)]
async fn chosen_port_that_is_taken_is_chosen_again() {
    let taken = "driver failed programming external connectivity on endpoint web: Bind for 127.0.0.1:32768 \
                 failed: port is already allocated";
    for (podman, creations) in [(true, 2), (false, 1)] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let fake = if podman { fake.as_podman() } else { fake };
        let manager = on(&fake);
        fake.fail_next("POST", "/start", Fault::internal_error(taken));
        let published = with_network(NetworkSpec {
            ports: vec![80.into()],
            ..NetworkSpec::default()
        });
        let environment = made(&manager, published).await;
        assert_eq!(asked(&fake, "POST", "/containers/create"), creations, "{podman}");
        assert_eq!(environment.status(), Status::Running);
        environment.destroy().await.unwrap();
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{podman}");
    }
}

/// Its files would be lost, so it is not made anew with the new network.
#[tokio::test(start_paused = true)]
async fn stopped_container_stays_without_its_network() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let vpn = made(&manager, spec()).await;
    let app = made(
        &manager,
        with_network(NetworkSpec {
            mode: NetworkMode::Environment(vpn.id().to_string()),
            ..NetworkSpec::default()
        }),
    )
    .await;
    app.stop(Duration::ZERO).await.unwrap();
    vpn.stop(Duration::ZERO).await.unwrap();
    let broken = "failed to initialize logging driver";
    fake.fail_next("POST", "/start", Fault::internal_error(broken));
    vpn.start().await.unwrap();
    let error = app.start().await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{text}");
    assert!(text.contains("was made anew; destroy this one"), "{text}");
    assert_eq!(app.status(), Status::Stopped);
    drop((app, vpn));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

fn foreign(fake: &FakeEngine) {
    for _ in 0..5 {
        let s390x = Fault::Patch(json!({"Architecture": "s390x"}));
        fake.fail_next("GET", "/busybox:latest/json", s390x);
    }
}

#[tokio::test(start_paused = true)]
async fn emulation_is_probed_once_for_an_image() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let format = || Fault::internal_error("exec /bin/sh: exec format error");
    for probes in [1, 0] {
        fake.reset();
        foreign(&fake);
        fake.fail_next("POST", "/attach", format());
        let error = create(&manager, spec()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
        assert_eq!(asked(&fake, "POST", "/containers/create"), probes);
        settle().await;
        assert_eq!(fake.resources(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn probe_of_the_emulation_that_hangs_shows_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    foreign(&fake);
    fake.fail_next("POST", "/attach", Fault::StallBefore);
    let began = tokio::time::Instant::now();
    let environment = made(&manager, spec()).await;
    assert!(
        began.elapsed() >= Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    fake.reset();
    environment.run(Command::new(["true"])).await.unwrap();
    environment.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// A daemon that is known is asked for the image while the environment is entered.
#[tokio::test(start_paused = true)]
async fn image_that_was_not_found_ahead_is_pulled_once() {
    let fake = FakeEngine::new().with_image(IMAGE).with_registry_image("other:1");
    let manager = on(&fake);
    let limited = EnvironmentSpec {
        limits: ResourceLimits {
            pids: Some(50),
            ..ResourceLimits::default()
        },
        ..spec()
    };
    let first = made(&manager, limited).await;
    fake.reset();
    let other = EnvironmentSpec {
        image: Some("other:1".to_owned()),
        ..EnvironmentSpec::default()
    };
    let second = made(&manager, other).await;
    assert_eq!(
        asked(&fake, "POST", "/images/create"),
        1,
        "{:#?}",
        fake.requests()
    );
    first.destroy().await.unwrap();
    second.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn limit_that_cannot_be_read_back_is_accepted() {
    let fake = FakeEngine::new().with_image(IMAGE);
    fake.set_info("SecurityOptions", json!(["name=rootless"]));
    let manager = on(&fake);
    let limited = EnvironmentSpec {
        limits: ResourceLimits {
            pids: Some(50),
            ..ResourceLimits::default()
        },
        ..spec()
    };
    fake.fail_next("POST", "/exec", Fault::internal_error("it has ended already"));
    let environment = made(&manager, limited).await;
    environment.run(Command::new(["true"])).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// Ports on an internal network are forwarded by a program in the container.
#[tokio::test(start_paused = true)]
async fn port_on_an_internal_network_needs_its_address() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let docker = Docker::with_connector(fake.clone());
    let closed = engine_api::networks::CreateNetwork {
        name: "closed".to_owned(),
        internal: true,
        ..Default::default()
    };
    docker.networks().create(closed).await.unwrap();
    let on_closed = || {
        with_network(NetworkSpec {
            mode: NetworkMode::Named("closed".to_owned()),
            ports: vec![80.into()],
            ..NetworkSpec::default()
        })
    };
    let selection = manager.select(&EngineChoice::Auto, &on_closed()).await.unwrap();
    let refused = Fault::internal_error("cannot look");
    let (status, message) = (404, "network closed not found".to_owned());
    let gone = Fault::Error { status, message };
    for (fault, starts) in [(refused, false), (gone, true)] {
        let environment = manager.create_unstarted(&selection, on_closed()).await.unwrap();
        let container = environment.inspect().await.unwrap().details["container"].clone();
        // Docker publishes nothing there.
        for _ in 0..10 {
            let unpublished = Fault::Patch(json!({"NetworkSettings": {"Ports": null}}));
            fake.fail_next("GET", &format!("/{container}/json"), unpublished);
        }
        fake.fail_next("GET", "/networks/closed", fault);
        let started = environment.start().await;
        match starts {
            true => {
                started.unwrap_or_else(|error| panic!("{}", chain(&error)));
                assert_eq!(environment.status(), Status::Running);
            }
            false => {
                let text = chain(&started.unwrap_err());
                assert!(text.contains("cannot look"), "{text}");
            }
        }
        fake.reset();
        environment.destroy().await.unwrap();
        settle().await;
        assert_eq!(fake.resources(), ["network closed"]);
    }
}
