//! Calls of an environment that runs, which its daemon refuses or whose container is gone: each is
//! an error of its kind, and the environment can be used or is known to be lost.

use std::net::TcpListener;
use std::time::Duration;

use engine_api::containers::{CreateContainer, StartContainer};
use engine_api::networks::ConnectNetwork;
use engine_api::volumes::CreateVolume;
use engine_api::{Docker, Version};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::DockerEngine;
use isolation::snapshots::{SnapshotOptions, SnapshotStore};
use isolation::{
    Command, Endpoint, EnvironmentSpec, ErrorKind, ForkOptions, Lifetime, Main, Manager, Mount, NetworkMode,
    NetworkSpec, Protocol, Registry, ResourceLimits, Status,
};
use tests::chain;
use tokio::time::sleep;

use super::docker_engine::{IMAGE, create, on, refused, spec};

fn memory(bytes: u64) -> ResourceLimits {
    ResourceLimits {
        memory: Some(bytes),
        ..ResourceLimits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn update_that_the_daemon_refuses_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    fake.fail_next("POST", "/update", Fault::internal_error("cannot set the limit"));
    let error = environment.update(&memory(64 << 20)).await.unwrap_err();
    assert!(
        chain(&error).contains("cannot set the limit"),
        "{}",
        chain(&error)
    );
    assert_eq!(environment.status(), Status::Running);
    environment.run(Command::new(["true"])).await.unwrap();
    // It is removed between the question and the change.
    fake.fail_next("POST", "/update", refused(404, "No such container"));
    let error = environment.update(&memory(64 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn environment_without_its_container_is_lost() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let docker = Docker::with_connector(fake.clone());
    for call in ["update", "rename", "processes", "metrics", "pause", "fork"] {
        let environment = create(&manager, spec()).await.unwrap();
        let name = fake.snapshot().containers.pop_first().unwrap();
        tests::scenarios::remove(&docker, &name).await.unwrap();
        let outcome = match call {
            "update" => environment.update(&memory(64 << 20)).await,
            "rename" => environment.rename("other").await,
            "processes" => environment.processes().await.map(drop),
            "metrics" => environment.metrics().await.map(drop),
            "pause" => environment.pause().await,
            _ => manager
                .fork(&environment, 1, ForkOptions::default())
                .await
                .map(drop),
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{call}: {}", chain(&error));
        assert_eq!(environment.status(), Status::Lost, "{call}");
        environment.destroy().await.unwrap();
        assert_eq!(fake.resources(), [""; 0], "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn rename_that_fails_leaves_the_name() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    let before = environment.name().to_owned();
    fake.fail_next("POST", "/rename", Fault::internal_error("cannot rename"));
    let error = environment.rename("other").await.unwrap_err();
    assert!(chain(&error).contains("cannot rename"), "{}", chain(&error));
    assert_eq!(environment.name(), before);
    environment.rename("other").await.unwrap();
    fake.reset();
    environment.rename("other").await.unwrap();
    let requests = fake.requests();
    assert!(
        !requests.iter().any(|request| request.contains("/rename")),
        "{requests:?}"
    );
    // Another process may rename it too: the owner finds the container by its ID.
    let others = on(&fake);
    let opened = others.open(environment.id().as_str()).await.unwrap();
    opened.rename("third").await.unwrap();
    assert_eq!(opened.name(), "third");
    let status = environment.inspect().await.unwrap().status;
    assert_eq!(status, Status::Running);
    drop(opened);
    fake.fail_next("POST", "/rename", refused(404, "No such container"));
    let error = environment.rename("fourth").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    environment.destroy().await.unwrap();
    let kept = EnvironmentSpec {
        lifetime: Lifetime::Kept,
        ..spec()
    };
    let kept = create(&manager, kept).await.unwrap();
    let opened = others.open(kept.id().as_str()).await.unwrap();
    opened.rename("fifth").await.unwrap();
    assert_eq!(opened.name(), "fifth");
    opened.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn snapshot_that_is_dropped_resumes_the_original() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::open(Some(directory.path())).unwrap();
    // The daemon pauses it, and then does not answer.
    fake.fail_next("GET", "/changes", Fault::StallBefore);
    let mut snapshot = Box::pin(environment.snapshot(&store, SnapshotOptions::default()));
    loop {
        tokio::select! {
            biased;
            outcome = &mut snapshot => panic!("{outcome:?}"),
            () = sleep(Duration::from_millis(10)) => {}
        }
        if fake
            .requests()
            .iter()
            .any(|request| request.ends_with("/changes"))
        {
            break;
        }
    }
    assert_eq!(environment.status(), Status::Paused);
    drop(snapshot);
    while environment.status() != Status::Running {
        sleep(Duration::from_millis(10)).await;
    }
    environment.run(Command::new(["true"])).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn fork_whose_pause_fails_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    fake.fail_next("POST", "/pause", Fault::internal_error("cannot freeze"));
    let error = manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap_err();
    assert!(chain(&error).contains("cannot freeze"), "{}", chain(&error));
    // The state cannot be taken: the original runs again.
    fake.fail_next(
        "POST",
        "/commit",
        Fault::internal_error("no space left on device"),
    );
    let error = manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap_err();
    assert!(chain(&error).contains("no space left"), "{}", chain(&error));
    assert_eq!(environment.status(), Status::Running);
    environment.run(Command::new(["true"])).await.unwrap();
    for count in [0, 1_000_000] {
        let error = manager
            .fork(&environment, count, ForkOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

fn publishing(ports: &[u16]) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::shell("sleep 100")),
        network: NetworkSpec {
            ports: ports.iter().map(|port| (*port).into()).collect(),
            ..NetworkSpec::default()
        },
        ..spec()
    }
}

#[tokio::test]
async fn port_that_cannot_be_connected_says_why() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, publishing(&[80])).await.unwrap();
    let endpoint = environment.endpoint(80).await.unwrap();
    // The fake engine publishes a port at which no program listens.
    let error = environment.connect(&endpoint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(
        chain(&error).contains("does a program listen?"),
        "{}",
        chain(&error)
    );
    let of_udp = Endpoint::new(80, Protocol::Udp, endpoint.host.clone(), endpoint.host_port);
    let error = environment.connect(&of_udp).await.unwrap_err();
    assert!(
        chain(&error).contains("only TCP has connections"),
        "{}",
        chain(&error)
    );
    let before = Endpoint::new(80, Protocol::Tcp, endpoint.host.clone(), 1);
    let error = environment.connect(&before).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let text = chain(&error);
    assert!(text.contains(&format!("the port is now at {endpoint}")), "{text}");
    let error = environment.endpoint(81).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(chain(&error).contains("it is not published"), "{}", chain(&error));
    environment.stop(Duration::ZERO).await.unwrap();
    let error = environment.endpoint(80).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    let error = environment.endpoint(81).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "a start would not help: {error}"
    );
    environment.destroy().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn exposed_port_is_checked_before_it_is_used() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    let error = environment.expose_host(0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(chain(&error).contains("from 1 to 65535"), "{}", chain(&error));
    environment.stop(Duration::ZERO).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = environment.expose_host(port).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
    environment.destroy().await.unwrap();
}

fn manager_of(fake: &FakeEngine, version: Version) -> Manager {
    let mut registry = Registry::new();
    let docker = Docker::with_connector(fake.clone()).with_version(version);
    registry.register(DockerEngine::new(docker)).unwrap();
    Manager::new(registry)
}

#[tokio::test(start_paused = true)]
async fn directory_of_a_volume_needs_a_newer_daemon() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let part = EnvironmentSpec {
        mounts: vec![Mount {
            subpath: Some("part".to_owned()),
            ..Mount::volume("data", "/data")
        }],
        ..spec()
    };
    let docker = Docker::with_connector(fake.clone());
    let volume = CreateVolume {
        name: "data".to_owned(),
        ..CreateVolume::default()
    };
    docker.volumes().create(volume).await.unwrap();
    let before = fake.resources();
    let error = create(&manager_of(&fake, Version::new(1, 44)), part)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
    let text = chain(&error);
    for word in ["/data has a subpath", "API 1.45", "has 1.44"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(fake.resources(), before);
}

#[tokio::test(start_paused = true)]
async fn image_without_ports_cannot_publish_all() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let all = EnvironmentSpec {
        network: NetworkSpec {
            publish_all: true,
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let error = create(&on(&fake), all).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    assert!(
        text.contains("declares no ports; name the ports to publish"),
        "{text}"
    );
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn network_in_use_is_left_until_it_is_free() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let private = EnvironmentSpec {
        network: NetworkSpec {
            mode: NetworkMode::Private,
            ..NetworkSpec::default()
        },
        ..spec()
    };
    let environment = create(&manager, private).await.unwrap();
    let network = environment.inspect().await.unwrap().details["network"].clone();
    let docker = Docker::with_connector(fake.clone());
    let stranger = CreateContainer {
        name: Some("stranger".to_owned()),
        image: IMAGE.to_owned(),
        cmd: ["sleep", "1000"].into(),
        ..CreateContainer::default()
    };
    docker.containers().create(stranger).await.unwrap();
    docker
        .containers()
        .start("stranger", StartContainer::default())
        .await
        .unwrap();
    let joined = ConnectNetwork {
        container: "stranger".to_owned(),
        ..ConnectNetwork::default()
    };
    docker.networks().connect(&network, joined).await.unwrap();
    let error = environment.destroy().await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(text.contains("stranger"), "{text}");
    tests::scenarios::remove(&docker, "stranger").await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn forks_that_cannot_be_prepared_are_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let environment = create(&manager, spec()).await.unwrap();
    let kept = ForkOptions {
        lifetime: Lifetime::Kept,
        ..ForkOptions::default()
    };
    for (ahead, options, words) in [
        (0, ForkOptions::default(), "0 forks cannot be made ahead"),
        (1, kept, "keep it afterwards"),
    ] {
        let error = manager
            .prepare_forks(&environment, ahead, options)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(chain(&error).contains(words), "{}", chain(&error));
    }
    let forks = manager
        .prepare_forks(&environment, 1, ForkOptions::default())
        .await
        .unwrap();
    let taken = forks.take().await.unwrap();
    taken.run(Command::new(["true"])).await.unwrap();
    drop(forks);
    for one in [&taken, &environment] {
        one.destroy().await.unwrap();
    }
    manager.shutdown().await.unwrap();
    sleep(Duration::from_secs(300)).await;
    assert_eq!(fake.resources(), [""; 0]);
}
