//! The images of the docker engine: names, pulls, platforms, removal.

use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::CreateContainer;
use fake_engine::scripted::{JSON, ScriptedEngine, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{
    DockerEngine, DockerSettings, ImageNames, PullImage, PullPolicy, WrongPlatform,
};
use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, ErrorKind, Manager, Registry, Result};
use tests::chain;

const IMAGE: &str = "busybox:latest";
const MIRRORED: &str = "mirror.test/library/busybox:latest";

fn engine(fake: &FakeEngine) -> DockerEngine {
    DockerEngine::new(Docker::with_connector(fake.clone()))
}

fn mirrored(fake: &FakeEngine) -> DockerEngine {
    let names = ImageNames {
        registry_mirror: Some("mirror.test".into()),
        ..ImageNames::default()
    };
    engine(fake).with_image_names(names).unwrap()
}

async fn create(engine: DockerEngine, image: &str) -> Result<(Manager, Environment)> {
    let mut registry = Registry::new();
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);
    let spec = EnvironmentSpec {
        image: Some(image.to_owned()),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    Ok((manager, environment))
}

fn pulls(fake: &FakeEngine) -> usize {
    let requests = fake.requests();
    requests
        .iter()
        .filter(|request| request.contains("/images/create"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn image_of_an_environment_comes_from_the_mirror() {
    let fake = FakeEngine::new().with_registry_image(MIRRORED);
    let (_manager, environment) = create(mirrored(&fake), "busybox").await.unwrap();
    let output = environment.run(Command::shell("echo hello")).await.unwrap();
    assert_eq!(output.stdout_text(), "hello\n");
    let listed = engine(&fake).images().list().await.unwrap();
    assert_eq!(listed[0].names, [MIRRORED]);
    assert_eq!(listed[0].environments, [environment.id().to_string()].into());
    // The second environment uses what is there.
    create(mirrored(&fake), "busybox").await.unwrap();
    assert_eq!(pulls(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn image_that_is_there_is_not_pulled_from_the_mirror() {
    let fake = FakeEngine::new().with_image(IMAGE);
    create(mirrored(&fake), "busybox").await.unwrap();
    assert_eq!(pulls(&fake), 0);
    let pulled = mirrored(&fake)
        .images()
        .pull(IMAGE, PullImage::default(), |_| ())
        .await;
    let pulled = pulled.unwrap();
    assert_eq!(
        (pulled.name.as_str(), pulled.platform.as_str(), pulled.pulled),
        (IMAGE, "linux/amd64", false)
    );
}

#[tokio::test(start_paused = true)]
async fn failed_pull_names_the_registry_and_the_cause() {
    let fake = FakeEngine::new().with_registry_image("reg.test/app:1");
    let images = engine(&fake);
    let pull = async |image: &str| {
        let pulled = images.images().pull(image, PullImage::default(), |_| ()).await;
        pulled.unwrap_err()
    };
    let missing = pull("reg.test/app:2").await;
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(chain(&missing).contains("the registry reg.test has no such image, or it is private"));
    for (image, hint) in [("reg.test/none", true), ("reg.test/none:latest", false)] {
        let text = chain(&pull(image).await);
        assert_eq!(
            text.contains("the name has no tag, so latest is meant"),
            hint,
            "{text}"
        );
    }
    let down = pull("down.test/app").await;
    assert!(chain(&down).contains("cannot reach the registry down.test"));
    for (failure, words) in [
        (
            "unauthorized: authentication required",
            "the registry reg.test requires credentials",
        ),
        (
            "toomanyrequests: slow down",
            "the registry reg.test limits requests",
        ),
        ("no matching manifest for linux/amd64", "for this platform"),
    ] {
        for _ in 0..3 {
            fake.fail_next("POST", "/images/create", Fault::internal_error(failure));
        }
        let error = chain(&pull("reg.test/app:1").await);
        assert!(error.contains(words), "{error}");
        fake.reset();
    }
}

#[tokio::test(start_paused = true)]
async fn policy_never_sends_no_pull() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let never = engine(&fake).with_pull(PullPolicy::Never);
    let error = create(never, IMAGE).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("isolate image pull busybox:latest"),
        "{error}"
    );
    assert_eq!(pulls(&fake), 0);
}

#[tokio::test(start_paused = true)]
async fn policy_always_pulls_what_is_there() {
    let fake = FakeEngine::new().with_image(IMAGE).with_registry_image(IMAGE);
    create(engine(&fake).with_pull(PullPolicy::Always), IMAGE)
        .await
        .unwrap();
    assert_eq!(pulls(&fake), 1);
}

#[tokio::test(start_paused = true)]
async fn pull_ends_at_its_timeout() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    fake.set_pull_delay(Duration::from_secs(100));
    let within = |seconds: u64| {
        let settings = DockerSettings {
            pull_timeout: Duration::from_secs(seconds),
            ..DockerSettings::default()
        };
        engine(&fake).with_settings(settings).unwrap()
    };
    let slow = within(7);
    let error = create(slow, IMAGE).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("docker.pull_timeout"), "{error}");
    let patient = within(200);
    create(patient, IMAGE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tasks_that_want_one_image_wait_for_one_pull() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    fake.set_pull_delay(Duration::from_secs(5));
    let engine = engine(&fake);
    let pull = || async {
        let images = engine.images();
        images.pull(IMAGE, PullImage::default(), |_| ()).await.unwrap()
    };
    let (first, second, third) = tokio::join!(pull(), pull(), pull());
    assert_eq!(first.id, second.id);
    assert!(third.pulled);
    assert_eq!(pulls(&fake), 1);
}

/// A daemon of the platform `linux/amd64` with an image for `os` and `architecture`, whose
/// programs it runs or not.
fn foreign(os: &'static str, architecture: &'static str, attach: &'static str) -> ScriptedEngine {
    ScriptedEngine::answering(move |request| {
        let target = request.target.as_str();
        let json = |status: u16, body: String| reply(status, &[JSON, "Api-Version: 1.44"], body);
        if target.contains("_ping") {
            return reply(200, &["Api-Version: 1.44"], "");
        }
        match request.method.as_str() {
            "GET" if target.contains("/images/") => json(
                200,
                format!(r#"{{"Id":"sha256:1","Os":"{os}","Architecture":"{architecture}"}}"#),
            ),
            "GET" if target.contains("/info") => {
                json(200, r#"{"OSType":"linux","Architecture":"x86_64"}"#.into())
            }
            "POST" if target.contains("/containers/create") => json(201, r#"{"Id":"c1"}"#.into()),
            "POST" if target.contains("/attach") => json(500, format!(r#"{{"message":"{attach}"}}"#)),
            "DELETE" => reply(204, &[], ""),
            _ => json(500, r#"{"message":"the container is started"}"#.into()),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn image_for_another_platform_is_rejected_with_both() {
    const FORMAT: &str = "exec /bin/sh: exec format error";
    for (os, architecture) in [("linux", "s390x"), ("windows", "amd64")] {
        let fake = foreign(os, architecture, FORMAT);
        let engine = DockerEngine::new(fake.client());
        let error = create(engine, "app:1").await.map(drop).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Unsupported,
            "{} {:?}",
            chain(&error),
            fake.requests()
        );
        let source = std::error::Error::source(&error).unwrap();
        let wrong = source.downcast_ref::<WrongPlatform>().unwrap();
        assert_eq!(wrong.image_platform, format!("{os}/{architecture}"));
        assert_eq!(wrong.daemon_platform, "linux/amd64");
        assert!(chain(&error).contains("--platform linux/amd64"));
        // The probe is removed, and the environment is not created.
        let created = |request: &String| request.contains("/containers/create");
        let probes = fake.requests().iter().filter(|request| created(request)).count();
        assert_eq!(probes, usize::from(os == "linux"), "{:?}", fake.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn platform_without_proof_is_left_to_the_start() {
    for (architecture, attach) in [
        ("s390x", "no such file or directory"),
        ("386", "never"),
        ("", "never"),
    ] {
        let fake = foreign("linux", architecture, attach);
        let error = create(DockerEngine::new(fake.client()), "app:1")
            .await
            .map(drop)
            .unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Unsupported, "{}", chain(&error));
        let created = |request: &String| {
            request.contains("/containers/create?name=ptest_") && !request.contains("probe")
        };
        assert!(fake.requests().iter().any(created), "{:?}", fake.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_platform_is_an_error_without_a_pull() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let options = PullImage {
        platform: Some("linux/".into()),
        ..PullImage::default()
    };
    let pulled = engine(&fake).images().pull(IMAGE, options, |_| ()).await;
    assert_eq!(pulled.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(pulls(&fake), 0);
}

#[tokio::test(start_paused = true)]
async fn image_in_use_is_not_removed() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let images = engine.images();
    images.tag(IMAGE, "other:1").await.unwrap();
    let container = CreateContainer {
        name: Some("user".into()),
        image: IMAGE.into(),
        ..CreateContainer::default()
    };
    Docker::with_connector(fake.clone())
        .containers()
        .create(container)
        .await
        .unwrap();
    assert_eq!(images.remove("other:1", false).await.unwrap(), ["other:1"]);
    let error = images.remove(IMAGE, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = images.remove("nothing:1", false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let listed = images.list().await.unwrap();
    assert!(listed[0].is_used() && listed[0].environments.is_empty());
}

#[tokio::test(start_paused = true)]
async fn saved_image_is_loaded_under_its_name() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = engine(&fake);
    let images = engine.images();
    let archive = images.save(&[IMAGE]).await.unwrap().collect().await.unwrap();
    images.remove(IMAGE, true).await.unwrap();
    assert_eq!(images.load(archive).await.unwrap(), [IMAGE]);
    let error = images.save(&["nothing:1"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = images.load("no archive").await.unwrap_err();
    assert!(
        chain(&error).contains("cannot load the images"),
        "{}",
        chain(&error)
    );
}

#[tokio::test(start_paused = true)]
async fn failed_push_names_the_registry() {
    let fake = FakeEngine::new().with_image("reg.test/app:1");
    let engine = engine(&fake);
    let error = engine.images().push("reg.test/app:1", |_| ()).await.unwrap_err();
    let text = chain(&error);
    assert!(
        text.contains("cannot push the image reg.test/app:1")
            && text.contains("cannot reach the registry reg.test"),
        "{text}"
    );
}
