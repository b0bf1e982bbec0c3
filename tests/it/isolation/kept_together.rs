//! Several environments that are to be kept: all of them are, or none.

use std::path::Path;
use std::time::Duration;

use engine_api::Docker;
use fake_engine::{FakeEngine, Fault, Socket};
use isolation::engines::docker::DockerEngine;
use isolation::{EngineChoice, ForkOptions, GroupSpec, Lifetime, Manager, ManagerOptions, Registry, Result};
use tests::chain;

use super::docker_engine::{IMAGE, create, spec, until_gone};

/// A manager with a journal. Only a daemon with an address is noted there.
fn manager(socket: &Socket, state: &Path) -> Manager {
    let mut registry = Registry::new();
    let docker = Docker::from_address(&socket.address()).unwrap();
    registry.register(DockerEngine::new(docker)).unwrap();
    let options = ManagerOptions {
        state_directory: Some(state.to_owned()),
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

/// Damages the entry of an environment in the journal after its container was created, so that it
/// cannot be kept. The starts of all containers wait for that.
async fn with_a_damaged_entry<T>(
    fake: &FakeEngine,
    state: &Path,
    name: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    for _ in 0..2 {
        fake.fail_next("POST", "/start", Fault::Delay(Duration::from_secs(5)));
    }
    let mut work = std::pin::pin!(work);
    let damage = async {
        let starts = fake
            .requests()
            .iter()
            .filter(|one| one.ends_with("/start"))
            .count();
        let waiting = || {
            let requests = fake.requests();
            requests.iter().filter(|one| one.ends_with("/start")).count() < starts + 2
        };
        while waiting() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut damaged = 0;
        for entry in std::fs::read_dir(state.join("journal")).unwrap() {
            let path = entry.unwrap().path();
            let is_it = |text: String| text.contains(&format!("\"{name}\""));
            if path.is_file() && std::fs::read_to_string(&path).is_ok_and(is_it) {
                std::fs::write(&path, "damaged").unwrap();
                damaged += 1;
            }
        }
        assert_eq!(damaged, 1, "{name}");
    };
    let (damaged, outcome) = tokio::join!(damage, &mut work);
    let () = damaged;
    outcome
}

#[tokio::test]
async fn forks_are_all_kept_or_none() {
    let state = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let socket = fake.on_unix().unwrap();
    let manager = manager(&socket, state.path());
    let source = create(&manager, spec()).await.unwrap();
    let options = ForkOptions {
        name: Some("copy".to_owned()),
        lifetime: Lifetime::Kept,
    };
    let forking = Box::pin(manager.fork(&source, 2, options));
    let forked = with_a_damaged_entry(&fake, state.path(), "copy-2", forking).await;
    let error = chain(&forked.unwrap_err());
    assert!(error.contains("keep the environment"), "{error}");
    source.destroy().await.unwrap();
    until_gone(&fake).await;
}

#[tokio::test]
async fn services_are_all_kept_or_none() {
    let state = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let socket = fake.on_unix().unwrap();
    let manager = manager(&socket, state.path());
    let service = format!(
        r#"{{"image": "{IMAGE}", "lifetime": "kept",
             "main": {{"command": {{"argv": ["sh", "-c", "sleep 100"]}}}}}}"#
    );
    let text = format!(r#"{{"name": "shop", "services": {{"a": {service}, "b": {service}}}}}"#);
    let group = GroupSpec::from_json(&text).unwrap();
    let starting = Box::pin(manager.up(&EngineChoice::Auto, group));
    let started = with_a_damaged_entry(&fake, state.path(), "shop/b", starting).await;
    let error = chain(&started.unwrap_err());
    assert!(error.contains("keep the environment"), "{error}");
    until_gone(&fake).await;
}
