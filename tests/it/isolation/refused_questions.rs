//! Questions that the daemon refuses in the middle of a call: about a renamed container, a terminal
//! or a volume, about its storage and its events.

use std::time::{Duration, SystemTime};

use engine_api::containers::InspectContainer;
use engine_api::volumes::CreateVolume;
use engine_api::{Docker, Version};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, VolumeOptions, labels};
use isolation::{
    Command, Engine, EngineChoice, EnvironmentSpec, ErrorKind, EventKind, GroupSpec, Mount, ResourceLimits,
    Status, TerminalSize,
};
use serde_json::json;
use tests::chain;
use tokio::time::sleep;

use super::docker_engine::{IMAGE, active, create, on, refused, settle, spec};

#[tokio::test(start_paused = true)]
async fn renamed_container_is_a_stranger_once_it_is_gone() {
    let (fake, _manager, environment) = active().await;
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let name = fake.snapshot().containers.pop_first().unwrap();
    containers.rename(&name, "elsewhere").await.unwrap();
    let found = containers.inspect("elsewhere", InspectContainer::default()).await;
    let found = found.unwrap();
    let (container, image) = (format!("/{}/json", found.id), format!("{}/json", found.image));
    let id = environment.id().as_str();
    for (path, fault, fails) in [
        (&container, refused(404, "No such container"), false),
        (&container, Fault::internal_error("cannot look"), true),
        (&container, Fault::Patch(json!({"Config": {"Env": []}})), false),
        (&image, refused(404, "No such image"), false),
        (&image, Fault::internal_error("cannot look"), true),
    ] {
        // It is asked for more than once.
        for _ in 0..5 {
            fake.fail_next("GET", path, fault.clone());
        }
        let opened = on(&fake).open(id).await;
        fake.reset();
        let error = opened.expect_err(path);
        let text = chain(&error);
        assert_eq!(error.kind(), ErrorKind::NotFound, "{fault:?}: {text}");
        assert_eq!(
            text.contains("engine `docker` failed"),
            fails,
            "{fault:?}: {text}"
        );
    }
    on(&fake).open(id).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn terminal_of_a_forgotten_command_has_no_size() {
    let (fake, _manager, environment) = active().await;
    let command = Command {
        terminal: Some(TerminalSize::default()),
        ..Command::shell("sleep 100")
    };
    let mut execution = environment.execute(command).await.unwrap();
    let size = TerminalSize {
        rows: 33,
        columns: 99,
    };
    fake.fail_next("POST", "/resize", Fault::internal_error("cannot resize"));
    fake.fail_next("GET", "/json", refused(404, "No such exec instance"));
    execution.resize(size).await.unwrap();
    fake.fail_next("POST", "/resize", Fault::internal_error("cannot resize"));
    fake.fail_next("GET", "/json", Fault::internal_error("cannot look"));
    let error = execution.resize(size).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    drop(execution);
    environment.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

fn kept(name: &str) -> VolumeOptions {
    VolumeOptions {
        name: Some(name.to_owned()),
        ..VolumeOptions::default()
    }
}

fn mounting(volume: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        mounts: vec![Mount::volume(volume, "/data")],
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn name_of_two_volumes_is_ambiguous() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    let first = engine.volumes().create(kept("data")).await.unwrap();
    let second = engine.volumes().create(kept("data")).await.unwrap();
    let error = create(&on(&fake), mounting("data")).await.unwrap_err();
    let text = chain(&error);
    assert_ne!(error.kind(), ErrorKind::NotFound, "{text}");
    assert!(text.contains("several volumes have the name"), "{text}");
    first.remove().await.unwrap();
    second.remove().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn volume_of_a_group_is_one() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let group = r#"{"name": "shop", "volumes": {"data": {}},
        "services": {"one": {"image": "busybox:latest", "lifetime": "kept",
                             "mounts": [{"source": {"volume": "data"}, "target": "/data"}]}}}"#;
    let group = || GroupSpec::from_json(group).unwrap();
    let up = manager.up(&EngineChoice::Auto, group()).await;
    up.unwrap_or_else(|error| panic!("{}", chain(&error)))
        .down(None)
        .await
        .unwrap();
    let docker = Docker::with_connector(fake.clone());
    let first = fake.snapshot().volumes.pop_first().unwrap();
    let found = docker.volumes().inspect(&first).await.unwrap();
    // A copy with the same facts, and an ID of its own.
    let mut labelled = found.labels.clone();
    labelled.insert(labels::RESOURCE.to_owned(), "fedcba9876543210".to_owned());
    let copy = CreateVolume {
        name: "copy".to_owned(),
        labels: labelled.into(),
        ..CreateVolume::default()
    };
    docker.volumes().create(copy).await.unwrap();
    let error = manager
        .up(&EngineChoice::Auto, group())
        .await
        .map(drop)
        .unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(text.contains("2 volumes have the name shop/data"), "{text}");
    settle().await;
    assert!(fake.snapshot().containers.is_empty());
    assert_eq!(fake.snapshot().volumes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn named_volume_that_cannot_be_looked_at_is_not_made() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let group = r#"{"name": "shop", "volumes": {"data": {"name": "on-daemon"}},
        "services": {"one": {"image": "busybox:latest",
                             "mounts": [{"source": {"volume": "data"}, "target": "/data"}]}}}"#;
    let group = GroupSpec::from_json(group).unwrap();
    fake.fail_next("GET", "/volumes/on-daemon", Fault::internal_error("cannot look"));
    let error = manager
        .up(&EngineChoice::Auto, group)
        .await
        .map(drop)
        .unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lost_probe_of_the_storage_is_an_error() {
    for (method, path) in [("POST", "/containers/create"), ("PUT", "/archive")] {
        let fake = FakeEngine::new().with_image(IMAGE);
        fake.set_info("DriverStatus", json!([["Backing Filesystem", "xfs"]]));
        let manager = on(&fake);
        let limited = EnvironmentSpec {
            limits: ResourceLimits {
                disk: Some(1 << 20),
                ..ResourceLimits::default()
            },
            ..spec()
        };
        fake.fail_next(method, path, Fault::CloseBefore);
        let error = create(&manager, limited.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Engine, "{path}: {}", chain(&error));
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{path}");
        let environment = create(&manager, limited).await.unwrap();
        environment.destroy().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn past_events_report_what_may_be_missing() {
    let (fake, manager, environment) = active().await;
    let began = SystemTime::now() - Duration::from_secs(5);
    let mut events = manager.past_events("docker", began, None).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(first.kind, EventKind::Started);
    fake.disconnect();
    sleep(Duration::from_secs(1)).await;
    fake.reconnect();
    let next = events.next().await.unwrap();
    let shown = format!("{next:?}");
    assert!(!shown.contains("Started"), "a gap is reported first: {shown}");
    // Then the daemon refuses to go on.
    fake.fail_next("GET", "/events", refused(400, "no more events"));
    fake.disconnect();
    sleep(Duration::from_secs(1)).await;
    fake.reconnect();
    let until_refused = async {
        while let Some(event) = events.next().await {
            if format!("{event:?}").contains("no more events") {
                return;
            }
        }
        panic!("the end has no reason");
    };
    tokio::time::timeout(Duration::from_secs(300), until_refused)
        .await
        .unwrap();
    environment.destroy().await.unwrap();
}

/// Podman stops reading in the middle, so it is asked for more.
#[tokio::test(start_paused = true)]
async fn past_events_end_at_their_time() {
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let manager = on(&fake);
    let began = SystemTime::now() - Duration::from_secs(5);
    let end = began + Duration::from_secs(1);
    let environment = create(&manager, spec()).await.unwrap();
    let mut events = manager.past_events("docker", began, Some(end)).await.unwrap();
    let requests = fake.requests();
    let asked = requests
        .iter()
        .rfind(|request| request.contains("/events"))
        .unwrap();
    assert!(asked.contains("until="), "{asked}");
    assert!(events.next().await.is_none());
    environment.destroy().await.unwrap();
}

/// Somebody else pauses the container, so that no command can copy.
#[tokio::test]
async fn copy_into_memory_of_a_paused_container_says_so() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let in_memory = EnvironmentSpec {
        mounts: vec![Mount::tmpfs("/memory", None)],
        ..spec()
    };
    let environment = create(&manager, in_memory).await.unwrap();
    let docker = Docker::with_connector(fake.clone());
    let name = fake.snapshot().containers.pop_first().unwrap();
    docker.containers().pause(&name).await.unwrap();
    let content = isolation::CopySource::bytes("content");
    let error = environment.copy_in(content, "/memory/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    assert!(chain(&error).contains("unpause"), "{}", chain(&error));
    assert_eq!(environment.status(), Status::Paused);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// The answer to the question is older than each change.
#[tokio::test(start_paused = true)]
async fn inspection_among_changes_ends() {
    let (fake, _manager, environment) = active().await;
    let name = fake.snapshot().containers.pop_first().unwrap();
    for _ in 0..5 {
        let path = format!("/{name}/json");
        fake.fail_next("GET", &path, Fault::Late(Duration::from_secs(10)));
    }
    let changes = async {
        for _ in 0..6 {
            sleep(Duration::from_secs(5)).await;
            environment.pause().await.unwrap();
            sleep(Duration::from_secs(1)).await;
            environment.unpause().await.unwrap();
            sleep(Duration::from_secs(3)).await;
        }
    };
    let (seen, ()) = tokio::join!(environment.inspect(), changes);
    let seen = seen.unwrap().status;
    assert!([Status::Running, Status::Paused].contains(&seen), "{seen:?}");
    fake.reset();
    assert_eq!(environment.inspect().await.unwrap().status, Status::Running);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// With a version that is set, the client has learned nothing about the daemon.
#[tokio::test(start_paused = true)]
async fn ping_that_a_proxy_refuses_is_not_needed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone()).with_version(Version::new(1, 51));
    for _ in 0..10 {
        for method in ["HEAD", "GET"] {
            fake.fail_next(method, "/_ping", refused(403, "forbidden by a rule"));
        }
    }
    let probe = DockerEngine::new(docker).probe().await;
    assert!(probe.availability.is_available(), "{:?}", probe.availability);
}

#[tokio::test(start_paused = true)]
async fn push_of_an_image_that_is_gone_is_an_error() {
    let fake = FakeEngine::new().with_image("reg.test/app:1");
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    fake.fail_next("POST", "/push", refused(404, "no such image"));
    let error = engine.images().push("reg.test/app:1", |_| ()).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("cannot push the image reg.test/app:1"), "{text}");
    assert!(
        text.contains("no such image") && !text.contains("the registry"),
        "{text}"
    );
}
