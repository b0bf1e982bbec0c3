//! A name for people may be any text: what the daemon gets is valid and unique, and people see the
//! text unchanged.

use engine_api::Docker;
use engine_api::containers::InspectContainer;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, NetworkOptions, VolumeOptions};
use isolation::{Command, EngineChoice, EnvironmentSpec, NetworkMode, NetworkSpec, Status};

use super::docker_engine::{IMAGE, create, on, settle, spec};

/// Whether daemons accept it: a letter or digit, then letters, digits, `_`, `.` and `-`.
fn is_valid(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphanumeric()) && name.len() > 1 && name.chars().all(rest)
}

fn names() -> [String; 6] {
    [
        "web",
        "größe 7/../x",
        "-",
        "数据库 № 1",
        " blanks at both ends ",
        &"n".repeat(300),
    ]
    .map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn environment_may_have_any_name() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, docker) = (on(&fake), Docker::with_connector(fake.clone()));
    let mut all = Vec::new();
    for name in names() {
        // Twice, because names are for people.
        for _ in 0..2 {
            let network = NetworkSpec {
                mode: NetworkMode::Private,
                ..NetworkSpec::default()
            };
            let named = EnvironmentSpec {
                name: Some(name.clone()),
                network,
                ..spec()
            };
            let environment = create(&manager, named).await.unwrap();
            assert_eq!(environment.name(), name);
            all.push((name.clone(), environment));
        }
    }
    let (listed, _) = manager.registry().list().await;
    for (name, environment) in &all {
        let ours = listed.iter().find(|one| one.id == *environment.id());
        assert_eq!(ours.unwrap().name, *name);
        let opened = on(&fake).open(environment.id().as_str()).await.unwrap();
        assert_eq!(opened.name(), name);
    }
    let (containers, networks) = (fake.snapshot().containers, fake.snapshot().networks);
    assert_eq!(containers.len(), all.len(), "{containers:#?}");
    for container in &containers {
        assert!(is_valid(container), "{container}");
        let (handle, options) = (docker.containers(), InspectContainer::default());
        let inspected = handle.inspect(container, options).await.unwrap();
        let host_name = inspected.config.hostname;
        assert!(host_name.len() <= 63, "{container}: {host_name}");
    }
    let own = networks.iter().filter(|name| name.contains("ptest"));
    assert_eq!(own.clone().count(), all.len(), "{networks:#?}");
    for network in own {
        assert!(is_valid(network), "{network}");
    }
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn network_and_volume_may_have_any_name() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    for name in names() {
        let name = Some(name);
        for _ in 0..2 {
            let network = NetworkOptions {
                name: name.clone(),
                ..NetworkOptions::default()
            };
            let network = engine.networks().create(network).await.unwrap();
            assert_eq!(Some(&network.info().name), name.as_ref());
            assert!(is_valid(network.on_daemon()), "{}", network.on_daemon());
            let listed = engine.networks().list().await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(Some(&listed[0].name), name.as_ref());
            let volume = VolumeOptions {
                name: name.clone(),
                ..VolumeOptions::default()
            };
            let volume = engine.volumes().create(volume).await.unwrap();
            assert_eq!(Some(&volume.info().name), name.as_ref());
            assert!(is_valid(volume.on_daemon()), "{}", volume.on_daemon());
            let listed = engine.volumes().list().await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(Some(&listed[0].name), name.as_ref());
            network.remove().await.unwrap();
            volume.remove().await.unwrap();
        }
    }
    assert_eq!(fake.resources(), [""; 0]);
}

/// Somebody renames the container, and its first start fails, so that it is made anew.
#[tokio::test(start_paused = true)]
async fn renamed_container_is_replaced_when_made_anew() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, docker) = (on(&fake), Docker::with_connector(fake.clone()));
    let selection = manager.select(&EngineChoice::Auto, &spec()).await.unwrap();
    let environment = manager.create_unstarted(&selection, spec()).await.unwrap();
    let name = environment.inspect().await.unwrap().details["container"].clone();
    docker.containers().rename(&name, "elsewhere").await.unwrap();
    let seen = environment.inspect().await.unwrap();
    assert_eq!(seen.details["container"], "elsewhere");
    let (status, message) = (500, "failed to initialize logging driver".to_owned());
    fake.fail_next("POST", "/start", Fault::Error { status, message });
    environment.start().await.unwrap();
    let output = environment.run(Command::shell("echo here")).await.unwrap();
    assert_eq!(output.stdout_text(), "here\n");
    assert_eq!(fake.snapshot().containers.len(), 1);
    drop(environment);
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

/// Somebody renames the container: its end reported success, and left it behind.
#[tokio::test(start_paused = true)]
async fn renamed_container_stays_that_of_its_owner() {
    for end in ["destroy", "drop", "look", "shutdown", "rename"] {
        let fake = FakeEngine::new().with_image(IMAGE);
        let (manager, docker) = (on(&fake), Docker::with_connector(fake.clone()));
        let environment = create(&manager, spec()).await.unwrap();
        let name = environment.inspect().await.unwrap().details["container"].clone();
        let containers = docker.containers();
        containers.rename(&name, "elsewhere").await.unwrap();
        match end {
            "destroy" => environment.destroy().await.unwrap(),
            "drop" => drop(environment),
            "look" => {
                let state = environment.inspect().await.unwrap();
                assert_eq!(state.status, Status::Running);
                assert_eq!(state.details["container"], "elsewhere");
                let output = environment.run(Command::shell("echo here")).await.unwrap();
                assert_eq!(output.stdout_text(), "here\n");
                environment.destroy().await.unwrap();
            }
            "rename" => {
                // As in another process.
                let other = on(&fake).open(environment.id().as_str()).await.unwrap();
                other.rename("new").await.unwrap();
                drop(other);
                let state = environment.inspect().await.unwrap();
                assert!(state.details["container"].contains("new"), "{state:?}");
                environment.destroy().await.unwrap();
            }
            _ => manager.shutdown().await.unwrap(),
        }
        settle().await;
        assert_eq!(fake.resources(), [""; 0], "{end}");
    }
}
