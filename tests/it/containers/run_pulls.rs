use engine_api::containers::{CreateContainer, PullPolicy, RunContainer};
use engine_api::{Docker, Error, ErrorKind};
use fake_engine::FakeEngine;
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply};

const IMAGE: &str = "localhost:5000/team/tool:1";

fn echo() -> CreateContainer {
    CreateContainer {
        image: IMAGE.into(),
        cmd: ["echo", "hi"].into(),
        ..Default::default()
    }
}

async fn run(fake: &FakeEngine, pull: PullPolicy) -> Result<String, Error> {
    let docker = Docker::with_connector(fake.clone());
    let options = RunContainer {
        pull,
        ..Default::default()
    };
    let output = docker.containers().run_with(echo(), options).await?;
    Ok(output.text().into_owned())
}

fn count(fake: &FakeEngine, what: &str) -> usize {
    fake.requests().iter().filter(|line| line.contains(what)).count()
}

#[tokio::test]
async fn run_pulls_a_missing_image() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    assert_eq!(run(&fake, PullPolicy::IfMissing).await.unwrap(), "hi\n");
    assert_eq!(
        (count(&fake, "/images/create"), count(&fake, "/containers/create")),
        (1, 2)
    );
}

#[tokio::test]
async fn run_of_a_present_image_asks_nothing_of_images() {
    let fake = FakeEngine::new().with_image(IMAGE);
    assert_eq!(run(&fake, PullPolicy::IfMissing).await.unwrap(), "hi\n");
    assert_eq!(count(&fake, "/images/"), 0);
}

#[tokio::test]
async fn run_without_pull_reports_a_missing_image() {
    let fake = FakeEngine::new().with_registry_image(IMAGE);
    let error = run(&fake, PullPolicy::Never).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(count(&fake, "/images/create"), 0);
}

#[tokio::test]
async fn run_with_pull_always_pulls_before_it_creates() {
    let fake = FakeEngine::new().with_image(IMAGE).with_registry_image(IMAGE);
    assert_eq!(run(&fake, PullPolicy::Always).await.unwrap(), "hi\n");
    let requests = fake.requests();
    let at = |what: &str| requests.iter().position(|line| line.contains(what));
    assert!(at("/images/create").unwrap() < at("/containers/create").unwrap());
}

#[tokio::test]
async fn a_missing_network_is_not_taken_for_a_missing_image() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let mut container = echo();
    container.host_config.network_mode = "no-such-network".into();
    let error = docker.containers().run(container).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(count(&fake, "/images/create"), 0);
}

#[tokio::test]
async fn a_temporary_container_goes_with_its_guard() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let exists = async |id: &str| containers.inspect(id, Default::default()).await.is_ok();

    let guard = containers.create_temporary(echo()).await.unwrap();
    let id = guard.id().to_owned();
    assert!(exists(&id).await);
    guard.remove().await.unwrap();
    assert!(!exists(&id).await);

    let guard = containers.create_temporary(echo()).await.unwrap();
    let id = guard.id().to_owned();
    drop(guard);
    for _ in 0..1000 {
        if !exists(&id).await {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(!exists(&id).await);

    let kept = containers.create_temporary(echo()).await.unwrap().keep();
    tokio::task::yield_now().await;
    assert!(exists(&kept).await);
}

#[tokio::test]
async fn run_removes_its_container_itself() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let docker = Docker::with_connector(fake.clone());
    let mut container = echo();
    container.host_config.auto_remove = true;
    let error = docker.containers().run(container).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`auto_remove`"), "{error}");
    assert_eq!(fake.requests(), [""; 0]);
}

#[tokio::test]
async fn missing_part_of_a_present_image_is_not_pulled() {
    let fake = ScriptedEngine::answering(|request| match request.method.as_str() {
        "GET" => ok(r#"{"Id":"sha256:1"}"#),
        _ => reply(404, &[JSON], r#"{"message":"network x not found"}"#),
    });
    let docker = fake.client();
    let error = docker.containers().run(echo()).await.unwrap_err();
    assert!(
        error.is_not_found() && error.message() == Some("network x not found"),
        "{error}"
    );
    assert_eq!((fake.count("POST"), fake.count("GET")), (1, 1));
}
