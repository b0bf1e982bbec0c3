//! What only an engine with a state can show: the fake engine, as users see it through the client.

use std::time::Duration;

use engine_api::containers::{
    CreateContainer, HealthStatus, HostConfig, InspectContainer, KillContainer, PortBinding, ReadLogs,
    RemoveContainer, RemoveOutcome, RunState, StartContainer, StopContainer, WaitCondition,
};
use engine_api::error::Phase;
use engine_api::exec::{CreateExec, RunExec};
use engine_api::system::ListenEvents;
use engine_api::{Docker, ErrorKind, Result};
use fake_engine::{FakeEngine, Fault, Process};
use tests::scenarios::{UNTIL_TOLD, has_written, remove, shell, started};
use tokio::time::Instant;

fn engine() -> (FakeEngine, Docker) {
    let fake = FakeEngine::new().with_image("busybox:latest");
    let docker = Docker::with_connector(fake.clone());
    (fake, docker)
}

async fn status(docker: &Docker, name: &str) -> Result<(RunState, i64)> {
    let container = docker
        .containers()
        .inspect(name, InspectContainer::default())
        .await?;
    Ok((container.state.status, container.state.exit_code))
}

#[tokio::test(start_paused = true)]
async fn stop_kills_after_ten_seconds() {
    let (_, docker) = engine();
    for (command, seconds, code) in [("sleep 1000", 10, 137), (UNTIL_TOLD, 0, 0)] {
        let id = started(&docker, shell("stop", command)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        docker
            .containers()
            .stop(&id, StopContainer::default())
            .await
            .unwrap();
        assert_eq!(begun.elapsed().as_secs(), seconds, "{command}");
        assert_eq!(
            status(&docker, &id).await.unwrap(),
            (RunState::Exited, code),
            "{command}"
        );
        remove(&docker, &id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn wait_returns_at_the_next_exit_or_removal() {
    let (_, docker) = engine();
    let id = docker
        .containers()
        .create(shell("wait", "sleep 5; exit 4"))
        .await
        .unwrap()
        .id;
    let waits = [WaitCondition::NextExit, WaitCondition::Removed].map(|condition| {
        let (docker, id) = (docker.clone(), id.clone());
        tokio::spawn(async move { docker.containers().wait(&id, condition).await })
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    docker
        .containers()
        .start(&id, StartContainer::default())
        .await
        .unwrap();
    let [exit, removal] = waits;
    assert_eq!(exit.await.unwrap().unwrap().status_code, 4);
    assert!(!removal.is_finished());
    remove(&docker, &id).await.unwrap();
    assert_eq!(removal.await.unwrap().unwrap().status_code, 4);
}

fn published(name: &str, port: u16) -> CreateContainer {
    let binding = PortBinding {
        host_ip: "127.0.0.1".into(),
        host_port: port.to_string(),
    };
    CreateContainer {
        host_config: HostConfig {
            port_bindings: [(80.into(), vec![binding])].into(),
            ..HostConfig::default()
        },
        ..shell(name, UNTIL_TOLD)
    }
}

#[tokio::test(start_paused = true)]
async fn host_port_is_bound_once() {
    let (fake, docker) = engine();
    let first = started(&docker, published("first", 8080)).await.unwrap();
    let second = docker
        .containers()
        .create(published("second", 8080))
        .await
        .unwrap()
        .id;
    let error = docker
        .containers()
        .start(&second, StartContainer::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(500));
    let message = error.message().unwrap();
    assert!(
        message.ends_with("Bind for 127.0.0.1:8080 failed: port is already allocated"),
        "{message}"
    );
    assert_eq!(status(&docker, &second).await.unwrap(), (RunState::Created, 128));
    docker
        .containers()
        .stop(&first, StopContainer::default())
        .await
        .unwrap();
    assert!(fake.snapshot().ports.is_empty(), "what is stopped has no port");
    docker
        .containers()
        .start(&second, StartContainer::default())
        .await
        .unwrap();
    assert_eq!(fake.snapshot().ports, [8080].into());

    fake.occupy_port(9090);
    let third = docker
        .containers()
        .create(published("third", 9090))
        .await
        .unwrap()
        .id;
    assert!(
        docker
            .containers()
            .start(&third, StartContainer::default())
            .await
            .is_err()
    );
    let fourth = started(&docker, published("fourth", 0)).await.unwrap();
    let container = docker
        .containers()
        .inspect(&fourth, InspectContainer::default())
        .await
        .unwrap();
    let bindings = container.network_settings.ports["80/tcp"].clone();
    assert_eq!(bindings.len(), 1, "the engine has chosen: {bindings:?}");
}

#[tokio::test(start_paused = true)]
async fn removal_in_progress_is_a_conflict() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(3));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let removal = {
        let (docker, id) = (docker.clone(), id.clone());
        tokio::spawn(async move { remove(&docker, &id).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&docker, &id).await.unwrap().0, RunState::Removing);
    let error = remove(&docker, &id).await.unwrap_err();
    assert!(
        error.is_conflict() && error.to_string().contains("already in progress"),
        "{error}"
    );
    removal.await.unwrap().unwrap();
    assert!(status(&docker, &id).await.unwrap_err().is_not_found());
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn sixteen_removals_succeed_and_one_has_removed_it() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(3));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let outcomes = ensured(&docker, &id, 16).await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!(
        (
            count(RemoveOutcome::Removed),
            count(RemoveOutcome::RemovedByOther)
        ),
        (1, 15),
        "{outcomes:?}"
    );
    assert_eq!(ensured(&docker, &id, 1).await, [RemoveOutcome::AlreadyGone]);
    assert_eq!(fake.resources(), [""; 0]);
}

/// Removals of one container, all at the same time.
async fn ensured(docker: &Docker, id: &str, count: usize) -> Vec<RemoveOutcome> {
    let mut removals = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (docker, id) = (docker.clone(), id.to_owned());
        removals.spawn(async move {
            let patience = Duration::from_secs(10);
            let containers = docker.containers();
            containers.remove_and_wait(&id, THOROUGH, patience).await.unwrap()
        });
    }
    removals.join_all().await
}

const THOROUGH: RemoveContainer = RemoveContainer {
    force: true,
    volumes: true,
    link: false,
};

#[tokio::test(start_paused = true)]
async fn removal_reports_a_timeout_and_a_failure() {
    let (fake, docker) = engine();
    fake.set_removal_delay(Duration::from_secs(60));
    let id = started(&docker, shell("removed", UNTIL_TOLD)).await.unwrap();
    let containers = docker.containers();
    let patience = Duration::from_secs(5);
    let runs = containers
        .remove_and_wait(&id, RemoveContainer::default(), patience)
        .await
        .unwrap_err();
    assert!(runs.is_conflict(), "{runs}");

    let begun = Instant::now();
    let late = containers
        .remove_and_wait(&id, THOROUGH, patience)
        .await
        .unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(
        (late.phase(), late.operation(), late.subject()),
        (Some(Phase::Total), Some("ContainerDelete"), Some(id.as_str()))
    );
}

#[tokio::test(start_paused = true)]
async fn find_by_name_needs_the_whole_name() {
    let (_, docker) = engine();
    let containers = docker.containers();
    for name in ["web-1", "a.web.1", "web.1.b"] {
        let container = CreateContainer {
            name: Some(name.into()),
            ..shell("", "true")
        };
        containers.create(container).await.unwrap();
    }
    assert_eq!(containers.find_by_name("web.1").await.unwrap(), None);
    for name in ["web-1", "/web-1"] {
        let found = containers.find_by_name(name).await.unwrap().unwrap();
        assert_eq!(found.plain_name(), "web-1");
    }
    let wrong = containers.find_by_name("^web").await.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.operation()),
        (ErrorKind::InvalidInput, Some("ContainerList"))
    );
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_check_and_emits_events() {
    let (fake, docker) = engine();
    let mut container = shell("health", UNTIL_TOLD);
    container.healthcheck = Some(engine_api::containers::HealthConfig {
        test: ["CMD-SHELL", "cat /sick && exit 1 || exit 0"].into(),
        interval: 60_000_000_000,
        retries: 2,
        ..Default::default()
    });
    let health = async || {
        let container = docker
            .containers()
            .inspect("ptest_health", InspectContainer::default())
            .await;
        container.unwrap().state.health.unwrap().status
    };
    let mut options = ListenEvents::default();
    options.filters.event = vec!["health_status".into()];
    let mut events = docker.system().events(options).await.unwrap();
    let id = started(&docker, container).await.unwrap();
    assert_eq!(health().await, HealthStatus::Starting);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Healthy);
    let exec = CreateExec {
        cmd: ["touch", "/sick"].into(),
        ..Default::default()
    };
    docker.execs().run(&id, exec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Healthy, "once is not enough");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(health().await, HealthStatus::Unhealthy);
    assert!(fake.set_health("ptest_health", true) && !fake.set_health("nobody", true));
    for expected in ["healthy", "unhealthy", "healthy"] {
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.action, format!("health_status: {expected}"));
    }
    remove(&docker, &id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn out_of_memory_ends_and_marks_the_container() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("hungry", UNTIL_TOLD)).await.unwrap();
    assert!(fake.run_out_of_memory("ptest_hungry"));
    let container = docker
        .containers()
        .inspect(&id, InspectContainer::default())
        .await
        .unwrap();
    assert!(container.state.oom_killed);
    assert_eq!(
        (container.state.status, container.state.exit_code),
        (RunState::Exited, 137)
    );
    assert!(!fake.run_out_of_memory("ptest_hungry"), "it runs no more");
}

#[tokio::test(start_paused = true)]
async fn reconnected_engine_keeps_its_state() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("gone", UNTIL_TOLD)).await.unwrap();
    let follow = ReadLogs {
        follow: true,
        ..ReadLogs::default()
    };
    let logs = docker.containers().logs(&id, follow).await.unwrap();
    fake.disconnect();
    assert_eq!(logs.collect().await.unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(status(&docker, &id).await.unwrap_err().is_unreachable());
    fake.reconnect();
    assert_eq!(status(&docker, &id).await.unwrap().0, RunState::Running);
}

#[tokio::test(start_paused = true)]
async fn fault_comes_before_or_after_the_request() {
    for (fault, made) in [
        (Fault::internal_error("no"), 0),
        (Fault::CloseBefore, 0),
        (Fault::CloseAfter, 1),
    ] {
        let (fake, docker) = engine();
        fake.fail_next("POST", "/containers/create", fault.clone());
        docker
            .containers()
            .create(shell("fault", "true"))
            .await
            .unwrap_err();
        assert_eq!(fake.resources().len(), made, "{fault:?}");
    }
    let (fake, docker) = engine();
    fake.fail_next("GET", "/json", Fault::Delay(Duration::from_secs(5)));
    let id = docker
        .containers()
        .create(shell("late", "true"))
        .await
        .unwrap()
        .id;
    let begun = Instant::now();
    status(&docker, &id).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn unknown_program_is_not_found() {
    let (fake, docker) = engine();
    fake.on_command("greet", |process: Process| async move {
        let who = process.stdin.read_line().await.unwrap_or_default();
        process.write_stdout(&format!("hello {}", who.trim_end())).await;
        process.write_stderr("bye").await;
        process.files.write("/greeted", who, 0o600);
        7
    });
    let id = started(&docker, shell("programs", UNTIL_TOLD)).await.unwrap();
    has_written(&docker, &id, "ready").await.unwrap();
    let run = async |words: &[&str], input: &'static str| {
        let exec = CreateExec {
            cmd: words.iter().map(|word| (*word).to_owned()).collect(),
            ..Default::default()
        };
        let input = RunExec { input: input.into() };
        docker.execs().run_with(&id, exec, input).await.unwrap()
    };
    let greeted = run(&["greet"], "you\n").await;
    assert_eq!(
        (&greeted.stdout[..], &greeted.stderr[..]),
        (&b"hello you\n"[..], &b"bye\n"[..])
    );
    assert_eq!(greeted.exit_code, 7);
    assert_eq!(&run(&["cat", "/greeted"], "").await.stdout[..], b"you\n");
    let piped = run(&["sh", "-c", "echo b a | greet | cat; (exit 3) || echo $?"], "").await;
    assert_eq!(&piped.stdout[..], b"hello b a\n3\n");
    let missing = run(&["sh", "-c", "no-such; echo $?"], "").await;
    assert_eq!(
        (&missing.stdout[..], &missing.stderr[..]),
        (&b"127\n"[..], &b"sh: no-such: not found\n"[..])
    );
    let kept = run(&["sh", "-c", "case x in x) ;; esac"], "").await;
    assert_eq!(kept.exit_code, 2, "what the shell cannot do it refuses");

    let mut unknown = shell("unknown", "");
    unknown.cmd = ["no-such"].into();
    let unknown = docker.containers().create(unknown).await.unwrap().id;
    let error = docker
        .containers()
        .start(&unknown, StartContainer::default())
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(400));
    assert!(
        error.to_string().contains("executable file not found in $PATH"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn auto_removed_container_takes_its_volumes() {
    let (fake, docker) = engine();
    let mut container = shell("itself", "sleep 5");
    container.host_config.auto_remove = true;
    container.volumes = ["/data".to_owned()].into_iter().collect();
    started(&docker, container).await.unwrap();
    assert_eq!(
        (fake.snapshot().containers.len(), fake.snapshot().volumes.len()),
        (1, 1)
    );
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn attach_gets_all_output_of_an_auto_removed_one() {
    let (fake, docker) = engine();
    let mut container = shell("itself", "echo all of it");
    container.host_config.auto_remove = true;
    let id = docker.containers().create(container).await.unwrap().id;
    let attached = docker.containers().attach(&id, Default::default()).await.unwrap();
    docker
        .containers()
        .start(&id, StartContainer::default())
        .await
        .unwrap();
    let output = attached.output.collect().await.unwrap();
    assert_eq!(&output.0[..], b"all of it\n");
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn abandoned_pull_has_pulled_nothing() {
    let fake = FakeEngine::new().with_registry_image("localhost:5000/team/web:2");
    fake.set_pull_delay(Duration::from_secs(60));
    let docker = Docker::with_connector(fake.clone());
    let pull = async || {
        let options = engine_api::images::PullImage::default();
        docker
            .images()
            .pull("localhost:5000/team/web:2", options, None)
            .await?
            .last()
            .await
    };
    let given_up = tokio::time::timeout(Duration::from_secs(30), pull()).await;
    assert!(given_up.is_err());
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(fake.snapshot().images.is_empty());
    pull().await.unwrap();
    assert_eq!(
        fake.snapshot().images,
        ["localhost:5000/team/web:2".to_owned()].into()
    );
}

#[tokio::test(start_paused = true)]
async fn image_in_use_is_not_removed() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("user", UNTIL_TOLD)).await.unwrap();
    let images = docker.images();
    let error = images.remove("busybox", Default::default()).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    let forced = engine_api::images::RemoveImage {
        force: true,
        ..Default::default()
    };
    images.remove("busybox", forced.clone()).await.unwrap();
    let image = fake.snapshot().images.pop_first().unwrap();
    assert!(image.starts_with("sha256:"), "{image}");
    let error = images.remove(&image, forced.clone()).await.unwrap_err();
    assert!(
        error.is_conflict() && error.to_string().contains("running container"),
        "{error}"
    );
    let kill = KillContainer {
        signal: "SIGKILL".into(),
    };
    docker.containers().kill(&id, kill).await.unwrap();
    images.remove(&image, forced).await.unwrap();
    assert!(
        fake.snapshot().images.is_empty(),
        "a stopped container does not keep it from that"
    );
}
