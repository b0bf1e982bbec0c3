//! Images and volumes about which the daemon answers with an error, or that are not what they were
//! when they were listed.

use engine_api::Docker;
use engine_api::containers::{ContainerConfig, CreateContainer};
use engine_api::images::CommitImage;
use fake_engine::scripted::{JSON, ScriptedEngine, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{
    BuildSpec, DockerEngine, PullImage, PullPolicy, RegistryError, VolumeOptions, labels,
};
use isolation::{CopySource, EnvironmentSpec, ErrorKind, GroupSpec, Lifetime, Mount, NetworkSpec};
use isolation::{EngineChoice, Manager};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, refused, settle, spec};

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

/// Makes an image with another configuration.
async fn add_image(fake: &FakeEngine, repo: &str, config: &str) {
    let docker = Docker::with_connector(fake.clone());
    let container = CreateContainer {
        name: Some("made".to_owned()),
        image: IMAGE.to_owned(),
        ..CreateContainer::default()
    };
    docker.containers().create(container).await.unwrap();
    let config: ContainerConfig = engine_api::from_json(config.as_bytes()).unwrap();
    let image = CommitImage {
        repo: repo.to_owned(),
        config: Some(config),
        ..CommitImage::default()
    };
    docker.images().commit("made", image).await.unwrap();
    tests::scenarios::remove(&docker, "made").await.unwrap();
}

/// An image that declares a port.
async fn with_port(fake: &FakeEngine) -> EnvironmentSpec {
    add_image(fake, "web", r#"{"ExposedPorts": {"80/tcp": {}}}"#).await;
    EnvironmentSpec {
        image: Some("web:latest".to_owned()),
        network: NetworkSpec {
            publish_all: true,
            ..NetworkSpec::default()
        },
        ..EnvironmentSpec::default()
    }
}

#[tokio::test(start_paused = true)]
async fn ports_of_an_image_are_published() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let spec = with_port(&fake).await;
    // A proxy may hide the image first.
    for (hidden, named) in [(false, false), (false, true), (true, false)] {
        let mut spec = spec.clone();
        if named {
            spec.network.ports.push(80.into());
        }
        if hidden {
            fake.fail_next("GET", "/web:latest/json", refused(403, "forbidden by a rule"));
        }
        let manager = on(&fake);
        let environment = create(&manager, spec.clone()).await.unwrap();
        let endpoints = environment.endpoints().await.unwrap();
        let ports: Vec<u16> = endpoints.iter().map(|one| one.port).collect();
        assert_eq!(ports, [80], "hidden: {hidden}");
        environment.destroy().await.unwrap();
    }
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_with_an_invalid_name_is_not_pulled() {
    let fake = FakeEngine::new();
    let engine = engine(&fake);
    let images = engine.images();
    let pulled = images.pull("Not A Name", PullImage::default(), |_| ()).await;
    let error = pulled.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
    let error = images.push("missing:1", |_| ()).await.unwrap_err();
    let text = chain(&error);
    assert!(text.contains("cannot push the image missing:1"), "{text}");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{text}");
    assert!(text.contains("`isolate image ls` lists"), "{text}");
    let invalid = images.push("Not A Name", |_| ()).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::InvalidInput, "{}", chain(&invalid));
    fake.reset();
    let mut built = BuildSpec::directory("/no/such/directory");
    for (tag, words) in [("BAD NAME", "BAD NAME"), ("good:1", "/no/such/directory")] {
        built.tags = vec![tag.to_owned()];
        let error = images.build(&built, |_| ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", chain(&error));
        assert!(chain(&error).contains(words), "{}", chain(&error));
    }
    assert!(!fake.requests().iter().any(|one| one.contains("/build")));
    // The registry is that of the name.
    let error = images.pull("reg.test/app:1", PullImage::default(), |_| ()).await;
    let error = error.unwrap_err();
    let mut source = std::error::Error::source(&error);
    let of_registry = loop {
        let one = source.unwrap();
        if let Some(found) = one.downcast_ref::<RegistryError>() {
            break found;
        }
        source = one.source();
    };
    assert_eq!(of_registry.registry(), "reg.test");
    assert!(!of_registry.failure().to_string().is_empty());
}

#[tokio::test(start_paused = true)]
async fn built_image_with_another_name_is_not_pruned() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let labelled = format!(r#"{{"Labels": {{"{}": "digest"}}}}"#, labels::BUILD);
    add_image(&fake, "mine", &labelled).await;
    let pruned = engine(&fake).images().prune().await.unwrap();
    assert!(pruned.removed.is_empty() && pruned.used.is_empty(), "{pruned:?}");
    assert!(fake.snapshot().images.contains("mine:latest"));
}

#[tokio::test(start_paused = true)]
async fn image_for_another_platform_is_a_missing_one() {
    // This daemon cannot be asked for a platform.
    let daemon = ScriptedEngine::answering(|request| {
        let image = r#"{"Id": "sha256:one", "Os": "linux", "Architecture": "arm64", "Variant": "v8"}"#;
        match request.method.as_str() {
            "HEAD" => reply(200, &["Api-Version: 1.48"], ""),
            "GET" if request.target.contains("/images/") => reply(200, &[JSON], image),
            _ => reply(404, &[JSON], r#"{"message": "no such thing"}"#),
        }
    });
    let engine = DockerEngine::new(daemon.docker());
    let options = PullImage {
        policy: PullPolicy::Never,
        platform: Some("linux/amd64".to_owned()),
    };
    let error = engine.images().pull(IMAGE, options, |_| ()).await.unwrap_err();
    assert!(error.is_not_found(), "{}", chain(&error));
    let pulls = daemon
        .requests()
        .into_iter()
        .filter(|one| one.contains("/images/create"));
    assert_eq!(pulls.count(), 0);
}

fn kept(name: &str) -> VolumeOptions {
    VolumeOptions {
        name: Some(name.to_owned()),
        lifetime: Lifetime::Kept,
        ..VolumeOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn volume_that_cannot_be_looked_at_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let volumes = engine.volumes();
    fake.fail_next("GET", "/volumes/data", Fault::internal_error("cannot look"));
    let mounting = EnvironmentSpec {
        mounts: vec![Mount::volume("data", "/data")],
        ..spec()
    };
    let error = create(&on(&fake), mounting).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
    let volume = volumes.create(kept("data")).await.unwrap();
    let on_daemon = volume.on_daemon().to_owned();
    drop(volume);
    let directory = tempfile::tempdir().unwrap();
    let content = CopySource::bytes("content");
    volumes.copy_in("data", content, "file").await.unwrap();
    fake.fail_next("GET", "/archive", Fault::internal_error("cannot read"));
    let target = directory.path().join("back");
    let error = volumes.copy_out("data", "file", &target).await.unwrap_err();
    assert!(chain(&error).contains("cannot read"), "{}", chain(&error));
    assert!(!target.exists());
    // It is removed by somebody else after it was listed, or cannot be looked at.
    let path = format!("/volumes/{on_daemon}");
    fake.fail_next("GET", &path, refused(404, "no such volume"));
    assert_eq!(volumes.prune_all().await.unwrap(), []);
    fake.fail_next("GET", &path, Fault::internal_error("cannot look"));
    let error = volumes.prune_all().await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    assert_eq!(volumes.prune_all().await.unwrap().len(), 1);
    assert_eq!(fake.resources(), [""; 0]);
}

fn group() -> GroupSpec {
    let text = format!(
        r#"{{"name": "shop", "volumes": {{"a": {{}}, "b": {{}}}}, "services": {{"db": {{
            "image": "{IMAGE}", "main": {{"command": {{"argv": ["sh", "-c", "sleep 100000"]}}}},
            "mounts": [{{"source": {{"volume": "a"}}, "target": "/a"}},
                       {{"source": {{"volume": "b"}}, "target": "/b"}}]}},
            "tools": {{"image": "{IMAGE}", "main": "idle",
                "mounts": [{{"source": {{"tmpfs": {{}}}}, "target": "/t"}}]}}}}}}"#
    );
    GroupSpec::from_json(&text).unwrap()
}

async fn up(manager: &Manager) -> isolation::Result<isolation::Group> {
    manager.up(&EngineChoice::Auto, group()).await
}

#[tokio::test(start_paused = true)]
async fn volume_of_a_group_that_stays_is_an_error() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let group = up(&manager).await.unwrap();
    assert_eq!(group.name(), "shop");
    let volumes = fake.snapshot().volumes;
    assert_eq!(volumes.len(), 2, "{volumes:?}");
    let second = volumes.last().unwrap();
    let path = format!("/volumes/{second}");
    fake.fail_next("DELETE", &path, Fault::internal_error("cannot remove"));
    let error = group.down(None).await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.kind(), ErrorKind::Cleanup, "{text}");
    assert!(text.contains("shop"), "{text}");
    let failures: Vec<String> = error.failures().iter().map(|one| chain(one)).collect();
    assert!(
        failures.iter().any(|one| one.contains("cannot remove")),
        "{failures:?}"
    );
    drop(group);
    settle().await;
    assert_eq!(fake.resources(), [""; 0], "the guard tries once more");
}

#[tokio::test(start_paused = true)]
async fn volume_of_a_group_that_fails_leaves_no_other() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    fake.reset();
    up(&manager).await.unwrap().down(None).await.unwrap();
    let requests = fake.requests();
    let is_creation = |request: &String| request.ends_with("/volumes/create");
    let second = requests.iter().rposition(is_creation).unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    fake.fail_nth(second, Fault::internal_error("no more"));
    let error = up(&manager).await.map(drop).unwrap_err();
    let text = chain(&error);
    assert!(text.contains("no more") && text.contains("shop/b"), "{text}");
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}
