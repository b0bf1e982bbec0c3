//! Questions and changes that the daemon refuses with another error than the usual one: each is an
//! error with the words of the daemon, and the environment can be used as before.

use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{DockerEngine, PullPolicy};
use isolation::{
    Command, Engine, EnvironmentSpec, ErrorKind, ForkOptions, Lifetime, Manager, Registry, ResourceLimits,
    Status,
};
use tests::chain;
use tokio::time::sleep;

use super::docker_engine::{IMAGE, active, create, on, refused, settle, spec};

/// The end of the path at which the daemon describes the only container.
fn description(fake: &FakeEngine) -> String {
    format!("/{}/json", fake.snapshot().containers.pop_first().unwrap())
}

fn cpus(cpus: f64) -> ResourceLimits {
    ResourceLimits {
        cpus: Some(cpus),
        ..ResourceLimits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn refused_question_leaves_the_environment() {
    let (fake, _manager, environment) = active().await;
    fake.fail_next("GET", "/top", Fault::internal_error("cannot look"));
    let error = environment.processes().await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    assert_eq!(environment.status(), Status::Running);

    let docker = Docker::with_connector(fake.clone());
    let network = engine_api::networks::CreateNetwork {
        name: "other".to_owned(),
        ..Default::default()
    };
    docker.networks().create(network).await.unwrap();
    fake.fail_next("GET", &description(&fake), Fault::internal_error("cannot look"));
    let error = environment.connect_network("other", &[]).await.unwrap_err();
    assert!(chain(&error).contains("cannot look"), "{}", chain(&error));
    fake.fail_next("GET", &description(&fake), refused(404, "No such container"));
    let error = environment.connect_network("other", &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), ["network other"]);
}

#[tokio::test(start_paused = true)]
async fn refused_unpause_leaves_it_paused() {
    let (fake, _manager, environment) = active().await;
    environment.pause().await.unwrap();
    fake.fail_next("POST", "/unpause", Fault::internal_error("cannot thaw"));
    let error = environment.unpause().await.unwrap_err();
    assert!(chain(&error).contains("cannot thaw"), "{}", chain(&error));
    assert_eq!(environment.status(), Status::Paused);
    environment.unpause().await.unwrap();
    environment.run(Command::new(["true"])).await.unwrap();
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn refused_update_of_the_cpus_is_an_error() {
    let (fake, _manager, environment) = active().await;
    fake.fail_next("POST", "/update", Fault::internal_error("cannot set the limit"));
    let error = environment.update(&cpus(0.5)).await.unwrap_err();
    assert!(
        chain(&error).contains("cannot set the limit"),
        "{}",
        chain(&error)
    );
    // The container is removed between the change and the question about it.
    environment.update(&cpus(0.5)).await.unwrap();
    fake.reset();
    environment.update(&cpus(0.25)).await.unwrap();
    let change = |request: &String| request.ends_with("/update");
    let change = fake.requests().iter().position(change).unwrap();
    fake.reset();
    fake.fail_nth(change + 1, Fault::Delay(Duration::from_secs(5)));
    let docker = Docker::with_connector(fake.clone());
    let name = fake.snapshot().containers.pop_first().unwrap();
    let removal = async {
        sleep(Duration::from_secs(1)).await;
        tests::scenarios::remove(&docker, &name).await.unwrap();
    };
    let limits = cpus(0.5);
    let (updated, ()) = tokio::join!(environment.update(&limits), removal);
    let error = updated.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost, "{}", chain(&error));
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn size_that_is_not_reported_ends_nothing() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let limits = ResourceLimits {
        disk: Some(4096),
        ..ResourceLimits::default()
    };
    let environment = create(&manager, EnvironmentSpec { limits, ..spec() })
        .await
        .unwrap();
    let of_container = description(&fake);
    fake.fail_next("GET", &of_container, Fault::internal_error("cannot look"));
    fake.fail_next("GET", &of_container, refused(404, "No such container"));
    sleep(Duration::from_secs(120)).await;
    assert_eq!(environment.status(), Status::Running);
    // Both faults have happened, and the size is measured again.
    let script = format!("printf %s {} >/file", "x".repeat(8192));
    environment.run(Command::shell(script)).await.unwrap();
    settle().await;
    assert_eq!(environment.status(), Status::Stopped);
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn fork_that_does_not_start_leaves_nothing() {
    let (fake, manager, environment) = active().await;
    fake.fail_next("POST", "/start", Fault::internal_error("no more"));
    let error = manager
        .fork(&environment, 1, ForkOptions::default())
        .await
        .unwrap_err();
    assert!(chain(&error).contains("no more"), "{}", chain(&error));
    settle().await;
    assert_eq!(fake.snapshot().containers.len(), 1, "{:?}", fake.resources());
    // Nor does one whose first command cannot be prepared.
    for _ in 0..20 {
        fake.fail_next("POST", "/exec", Fault::internal_error("no exec"));
    }
    let error = manager
        .prepare_forks(&environment, 1, ForkOptions::default())
        .await
        .unwrap_err();
    assert!(chain(&error).contains("no exec"), "{}", chain(&error));
    fake.reset();
    let shared = ForkOptions {
        lifetime: Lifetime::Shared,
        ..ForkOptions::default()
    };
    let errors = [
        manager.fork(&environment, 1, shared.clone()).await.map(drop),
        manager.prepare_forks(&environment, 1, shared).await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(
            chain(&error).contains("a fork cannot be shared"),
            "{}",
            chain(&error)
        );
    }
    environment.destroy().await.unwrap();
    settle().await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn shared_environment_is_not_created_unstarted() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let shared = EnvironmentSpec {
        name: Some("one".to_owned()),
        lifetime: Lifetime::Shared,
        ..spec()
    };
    let choice = isolation::EngineChoice::Auto;
    let selection = manager.select(&choice, &spec()).await.unwrap();
    let error = manager.create_unstarted(&selection, shared).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(
        chain(&error).contains("is started when it is created"),
        "{}",
        chain(&error)
    );
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn image_is_asked_for_as_the_policy_says() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let engine = || DockerEngine::new(Docker::with_connector(fake.clone()));
    let missing = EnvironmentSpec {
        image: Some("missing:1".to_owned()),
        ..EnvironmentSpec::default()
    };
    for (policy, here, there) in [
        (PullPolicy::Never, true, true),
        (PullPolicy::IfMissing, true, false),
        (PullPolicy::Always, false, false),
    ] {
        let engine = engine().with_pull(policy);
        assert_eq!(engine.has_image(&spec()).await.unwrap(), here, "{policy:?}");
        assert_eq!(engine.has_image(&missing).await.unwrap(), there, "{policy:?}");
    }
    let mut registry = Registry::new();
    let engine = engine().with_default_image(IMAGE).without_command_shells();
    registry.register(engine).unwrap();
    let manager = Manager::new(registry);
    let environment = create(&manager, EnvironmentSpec::default()).await.unwrap();
    fake.reset();
    for _ in 0..2 {
        environment.run(Command::new(["true"])).await.unwrap();
    }
    let requests = fake.requests();
    let execs = requests.iter().filter(|request| request.ends_with("/exec"));
    assert_eq!(execs.count(), 2, "{requests:#?}");
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test]
async fn copy_into_memory_needs_a_running_container() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let in_memory = EnvironmentSpec {
        mounts: vec![isolation::Mount::tmpfs("/memory", None)],
        ..spec()
    };
    let environment = create(&manager, in_memory).await.unwrap();
    environment.stop(Duration::ZERO).await.unwrap();
    let content = isolation::CopySource::bytes("content");
    let error = environment.copy_in(content, "/memory/file").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{}", chain(&error));
    assert!(
        chain(&error).contains("start it first: `isolate start "),
        "{}",
        chain(&error)
    );
    environment.destroy().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}
