//! Losses of a migration of a container to this machine: the plan names each part of the
//! specification that the other engine does not have.

use std::collections::BTreeMap;

use engine_api::Docker;
use fake_engine::FakeEngine;
use isolation::engines::basic::BasicEngine;
use isolation::engines::docker::{DockerEngine, VolumeOptions};
use isolation::{
    Command, Destination, Engine, EngineChoice, EnvironmentSpec, Feature, HealthSpec, Main, Manager,
    MigrateOptions, Mount, NetworkMode, Registry, RestartOnExit, RestartSpec, WaitFor,
};
use serde_json::json;

use super::docker_engine::{IMAGE, spec};

/// A specification with everything that a container can have.
fn of_a_container(inside: &str, outside: &str) -> EnvironmentSpec {
    let mut all = EnvironmentSpec {
        user: Some("1000".to_owned()),
        working_dir: Some("/work/src".to_owned()),
        main: Main::Command(Command::new(["sleep", "100000"])),
        ready: Some(WaitFor::Command(Command::new(["true"])).into()),
        health: Some(HealthSpec {
            check: Some(Command::new(["true"])),
            ..HealthSpec::default()
        }),
        restart: Some(RestartSpec {
            on_exit: RestartOnExit::Always,
            ..RestartSpec::default()
        }),
        mounts: vec![
            Mount::volume(inside, "/work/data/"),
            Mount::volume(outside, "/var/cache"),
            Mount::tmpfs("/scratch", None),
        ],
        env: [
            ("DATA", "/work/data"),
            ("PATH", "/work/venv/bin"),
            ("VIRTUAL_ENV", "/work/venv"),
        ]
        .into(),
        ..spec()
    };
    all.network.mode = NetworkMode::Private;
    all.network.ports.push("80".parse().unwrap());
    all.engine_options
        .insert("docker".to_owned(), json!({"hostname": "web"}));
    all
}

#[tokio::test]
async fn plan_names_each_part_that_is_lost() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let base = tempfile::tempdir().unwrap();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    let inside = docker.volumes().create(VolumeOptions::default()).await.unwrap();
    let outside = docker.volumes().create(VolumeOptions::default()).await.unwrap();
    let basic = BasicEngine::below(base.path());
    let capabilities = basic.probe().await.capabilities;
    let mut registry = Registry::new();
    registry
        .register(DockerEngine::new(Docker::with_connector(fake.clone())))
        .unwrap();
    registry.register(basic).unwrap();
    let manager = Manager::new(registry);
    let spec = of_a_container(inside.on_daemon(), outside.on_daemon());
    let choice = EngineChoice::Named("docker".to_owned());
    let source = manager.create(&choice, spec).await.unwrap();
    let files = source
        .run(Command::shell(
            "mkdir -p /work/src /work/.venv && echo kept >/work/src/file && echo own >/own && \
             echo home = /usr/bin >/work/.venv/pyvenv.cfg",
        ))
        .await
        .unwrap();
    assert!(files.exit.success(), "{}", files.stderr_text());
    let options = MigrateOptions {
        directory: Some("/work".to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    };
    let to = Destination::engine("basic");
    let plan = manager.plan_migration(&source, &to, &options).await.unwrap();
    let lost: BTreeMap<_, _> = plan
        .lost
        .iter()
        .map(|one| (one.what.as_str(), one.why.as_str()))
        .collect();
    let volumes = [inside.on_daemon(), outside.on_daemon()];
    for (what, why) in [
        ("the options of the engine docker".to_owned(), "they are its own"),
        (
            format!("the programs of the image {IMAGE}"),
            "has those of this machine",
        ),
        (
            "the virtual environment in .venv".to_owned(),
            "its files name the path",
        ),
        (
            format!("the volume {} at /work/data", volumes[0]),
            "its files move",
        ),
        (
            format!("the volume {} at /var/cache", volumes[1]),
            "it stays where it is",
        ),
        ("the meaning of the variable DATA".to_owned(), "it names /work"),
        (
            "1 changed file outside of /work, such as /own".to_owned(),
            "belong to the system",
        ),
    ] {
        let found = lost.get(what.as_str());
        assert!(
            found.is_some_and(|found| found.contains(why)),
            "{what}: {lost:#?}"
        );
    }
    for (what, feature) in [
        ("the main process", Feature::MainProcess),
        ("the conditions for readiness", Feature::MainProcess),
        ("the health check", Feature::MainProcess),
        ("the restarts", Feature::MainProcess),
        ("the user 1000", Feature::Users),
        ("the file system in memory at /scratch", Feature::Tmpfs),
    ] {
        let lacks = !capabilities.has(feature);
        assert_eq!(lost.contains_key(what), lacks, "{what}: {lost:#?}");
    }
    let network = lost.keys().any(|what| what.starts_with("the network: "));
    assert!(network, "{lost:#?}");
    assert!(
        !lost.keys().any(|what| what.contains("variable PATH")),
        "{lost:#?}"
    );

    let moved = manager.migrate(&source, &to, options).await.unwrap().environment;
    assert_eq!(moved.spec().working_dir.as_deref(), Some("/src"));
    assert!(moved.spec().image.is_none() && moved.spec().engine_options.is_empty());
    let names: Vec<_> = moved.spec().env.keys().map(String::as_str).collect();
    assert_eq!(names, ["DATA"], "an activation of another place has no effect");
    let read = moved.run(Command::new(["cat", "file"])).await.unwrap();
    assert_eq!(read.stdout_text(), "kept\n");
    // It would be taken for that of the new environment.
    assert_eq!(moved.file_kind("/.venv").await.unwrap(), None);
    moved.destroy().await.unwrap();
    source.destroy().await.unwrap();
    inside.remove().await.unwrap();
    outside.remove().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// Both engines, and what the second one can do.
async fn both(fake: &FakeEngine, base: &std::path::Path) -> (Manager, isolation::Capabilities) {
    let basic = BasicEngine::below(base);
    let capabilities = basic.probe().await.capabilities;
    let mut registry = Registry::new();
    let docker = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(docker).unwrap();
    registry.register(basic).unwrap();
    (Manager::new(registry), capabilities)
}

async fn in_container(manager: &Manager, spec: EnvironmentSpec) -> isolation::Environment {
    let choice = EngineChoice::Named("docker".to_owned());
    let made = manager.create(&choice, spec).await;
    made.unwrap_or_else(|error| panic!("{}", tests::chain(&error)))
}

fn of_work() -> MigrateOptions {
    MigrateOptions {
        directory: Some("/work".to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    }
}

#[tokio::test]
async fn mount_limit_and_networks_are_lost() {
    let (base, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, capabilities) = both(&fake, base.path()).await;
    let docker = Docker::with_connector(fake.clone());
    for name in ["front", "back"] {
        let network = engine_api::networks::CreateNetwork {
            name: name.to_owned(),
            ..Default::default()
        };
        docker.networks().create(network).await.unwrap();
    }
    let mut all = EnvironmentSpec {
        mounts: vec![Mount::host(outside.path(), "/host")],
        ..spec()
    };
    all.limits.shm_size = Some(64 << 20);
    all.network.mode = NetworkMode::Named("front".to_owned());
    all.network.join = vec!["back".to_owned()];
    let source = in_container(&manager, all).await;
    source.run(Command::new(["mkdir", "/work"])).await.unwrap();
    let to = Destination::engine("basic");
    let plan = manager.plan_migration(&source, &to, &of_work()).await.unwrap();
    let lost: BTreeMap<_, _> = plan
        .lost
        .iter()
        .map(|one| (one.what.as_str(), one.why.as_str()))
        .collect();
    let host = format!("{} at /host", outside.path().display());
    assert_eq!(
        lost.get(host.as_str()).copied(),
        (!capabilities.has(Feature::Mounts)).then_some("the engine mounts no directories of this machine"),
        "{lost:#?}"
    );
    assert!(lost.contains_key("the network back"), "{lost:#?}");
    let reason = capabilities.reason(Feature::SharedMemorySize).unwrap();
    assert!(lost.values().any(|why| *why == reason), "{lost:#?}");
    let moved = manager
        .migrate(&source, &to, of_work())
        .await
        .unwrap()
        .environment;
    assert_eq!(moved.spec().limits.shm_size, None);
    assert!(moved.spec().network.join.is_empty());
    moved.destroy().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network back", "network front"]);
}

#[tokio::test]
async fn directory_in_memory_does_not_move() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, _) = both(&fake, base.path()).await;
    let in_memory = EnvironmentSpec {
        mounts: vec![Mount::tmpfs("/work", None)],
        ..spec()
    };
    let source = in_container(&manager, in_memory).await;
    let to = Destination::engine("basic");
    let error = manager
        .plan_migration(&source, &to, &of_work())
        .await
        .unwrap_err();
    let text = tests::chain(&error);
    assert!(text.contains("/work") && text.contains("memory"), "{text}");
    source.run(Command::shell("echo text >/file")).await.unwrap();
    let of_file = MigrateOptions {
        directory: Some("/file".to_owned()),
        ..of_work()
    };
    let moved = manager.migrate(&source, &to, of_file).await.unwrap_err();
    let text = tests::chain(&moved);
    assert!(text.contains("/file is not a directory"), "{text}");
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    source.pause().await.unwrap();
    let error = manager
        .plan_migration(&source, &to, &of_work())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), isolation::ErrorKind::WrongStatus, "{error}");
    assert!(tests::chain(&error).contains("unpause"), "{error}");
    source.unpause().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn program_of_an_image_is_lost_with_it() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, _) = both(&fake, base.path()).await;
    let docker = Docker::with_connector(fake.clone());
    let container = engine_api::containers::CreateContainer {
        name: Some("made".to_owned()),
        image: IMAGE.to_owned(),
        ..Default::default()
    };
    docker.containers().create(container).await.unwrap();
    let config = br#"{"Cmd": ["sleep", "100000"]}"#;
    let image = engine_api::images::CommitImage {
        repo: "sleeper".to_owned(),
        config: Some(engine_api::from_json(config).unwrap()),
        ..Default::default()
    };
    docker.images().commit("made", image).await.unwrap();
    tests::scenarios::remove(&docker, "made").await.unwrap();
    let source = EnvironmentSpec {
        image: Some("sleeper:latest".to_owned()),
        main: Main::Image,
        ..EnvironmentSpec::default()
    };
    let source = in_container(&manager, source).await;
    source.run(Command::new(["mkdir", "/work"])).await.unwrap();
    let to = Destination::engine("basic");
    let plan = manager.plan_migration(&source, &to, &of_work()).await.unwrap();
    let what = "the program of the image";
    assert!(plan.lost.iter().any(|one| one.what == what), "{:#?}", plan.lost);
    let moved = manager
        .migrate(&source, &to, of_work())
        .await
        .unwrap()
        .environment;
    assert_eq!(moved.spec().main, Main::Idle);
    moved.destroy().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn working_directory_moves_into_a_container() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let (manager, _) = both(&fake, base.path()).await;
    let source = EnvironmentSpec {
        working_dir: Some("/src".to_owned()),
        ..EnvironmentSpec::default()
    };
    let choice = EngineChoice::Named("basic".to_owned());
    let source = manager.create(&choice, source).await;
    let source = source.unwrap_or_else(|error| panic!("{}", tests::chain(&error)));
    source.run(Command::shell("echo kept >file")).await.unwrap();
    let options = MigrateOptions {
        image: Some(IMAGE.to_owned()),
        accept_losses: true,
        ..MigrateOptions::default()
    };
    let moved = manager
        .migrate(&source, &Destination::engine("docker"), options)
        .await;
    let moved = moved
        .unwrap_or_else(|error| panic!("{}", tests::chain(&error)))
        .environment;
    let directory = moved.spec().working_dir.clone().unwrap();
    assert!(directory.ends_with("/src"), "{directory}");
    let read = moved.run(Command::new(["cat", "file"])).await.unwrap();
    assert_eq!(read.stdout_text(), "kept\n");
    moved.destroy().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

/// The archives of Podman have no owners, and no daemon's have what is in memory.
#[tokio::test]
async fn directory_of_podman_loses_owners_and_memory() {
    let base = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE).as_podman();
    let (manager, _) = both(&fake, base.path()).await;
    let in_memory = EnvironmentSpec {
        mounts: vec![Mount::tmpfs("/work/scratch", None)],
        ..spec()
    };
    let source = in_container(&manager, in_memory).await;
    let script = "mkdir -p /work && echo kept >/work/file";
    let output = source.run(Command::shell(script)).await.unwrap();
    assert!(output.exit.success(), "{}", output.stderr_text());
    let to = Destination::engine("basic");
    let moved = manager.migrate(&source, &to, of_work()).await;
    let moved = moved.unwrap_or_else(|error| panic!("{}", tests::chain(&error)));
    let lost: Vec<&str> = moved.plan.lost.iter().map(|one| one.what.as_str()).collect();
    for what in ["the owners of the files", "/work/scratch"] {
        assert!(lost.iter().any(|lost| lost.contains(what)), "{what}: {lost:#?}");
    }
    let read = moved
        .environment
        .run(Command::new(["cat", "file"]))
        .await
        .unwrap();
    assert_eq!(read.stdout_text(), "kept\n");
    moved.environment.destroy().await.unwrap();
    source.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
