//! Files of a group with contents of its own, on the fake engine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::InspectContainer;
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::DockerEngine;
use isolation::{EngineChoice, GroupSpec, Manager, ManagerOptions, Registry};
use tests::chain;

use super::docker_engine::{IMAGE, until_gone};

const SECRET: &str = "canary-of-a-group";

fn manager(fake: &FakeEngine, state: &Path) -> Manager {
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        state_directory: Some(state.to_owned()),
        ..ManagerOptions::default()
    };
    Manager::with_options(registry, options)
}

fn group() -> GroupSpec {
    let text = format!(
        r#"{{"name": "shop", "files": {{"token": "{SECRET}"}}, "services": {{
            "a": {{"image": "{IMAGE}", "main": {{"command": {{"argv": ["sh", "-c", "sleep 100"]}}}},
                   "files": {{"/run/secrets/token": "token", "/etc/token": "token"}}}},
            "b": {{"image": "{IMAGE}", "main": {{"command": {{"argv": ["sh", "-c", "sleep 100"]}}}}}}}}}}"#
    );
    GroupSpec::from_json(&text).unwrap()
}

/// The files in a directory and in those below it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn no_files() -> Vec<PathBuf> {
    Vec::new()
}

fn with_the_secret(directory: &Path) -> Vec<PathBuf> {
    let mut found = files(directory);
    found.retain(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(SECRET)));
    found
}

#[tokio::test(start_paused = true)]
async fn file_of_a_group_exists_as_long_as_its_service() {
    let state = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, state.path());
    let shop = manager.up(&EngineChoice::Auto, group()).await;
    let shop = shop.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let written = with_the_secret(state.path());
    assert_eq!(written.len(), 2, "{written:?}");
    for file in &written {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().unwrap())), (0o444, 0o700));
    }
    let a = shop.get("a").unwrap();
    let name = a.inspect().await.unwrap().details["container"].clone();
    let docker = Docker::with_connector(fake.clone());
    let containers = docker.containers();
    let container = containers
        .inspect(&name, InspectContainer::default())
        .await
        .unwrap();
    let mounts = &container.host_config.mounts;
    let targets: Vec<&str> = mounts.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(targets, ["/etc/token", "/run/secrets/token"]);
    assert!(mounts.iter().all(|mount| mount.read_only));
    assert!(!format!("{container:?}").contains(SECRET));
    assert!(!format!("{shop:?} {:?} {:?}", a.spec(), group()).contains(SECRET));
    shop.down(Duration::ZERO).await.unwrap();
    assert_eq!(files(state.path()), no_files());
    drop(shop);
    manager.shutdown().await.unwrap();
    assert_eq!(fake.resources(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn file_of_a_service_that_fails_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = manager(&fake, state.path());
    for path in ["/containers/create", "/start"] {
        fake.fail_next("POST", path, Fault::internal_error("no more"));
        let error = manager.up(&EngineChoice::Auto, group()).await.unwrap_err();
        assert!(!chain(&error).contains(SECRET), "{}", chain(&error));
        assert_eq!(with_the_secret(state.path()), no_files(), "{path}");
        until_gone(&fake).await;
    }
    // Before anything is sent.
    let mut invalid = group();
    let network = &mut invalid.services.get_mut("a").unwrap().environment.network;
    network.mode = isolation::NetworkMode::Named("no-such".to_owned());
    manager.up(&EngineChoice::Auto, invalid).await.unwrap_err();
    assert_eq!(with_the_secret(state.path()), no_files());
}

#[tokio::test(start_paused = true)]
async fn file_of_a_group_needs_a_state_directory() {
    let fake = FakeEngine::new().with_image(IMAGE);
    let mut registry = Registry::new();
    let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
    registry.register(engine).unwrap();
    let options = ManagerOptions {
        journal: false,
        ..ManagerOptions::default()
    };
    let manager = Manager::with_options(registry, options);
    let error = manager.up(&EngineChoice::Auto, group()).await.unwrap_err();
    assert!(chain(&error).contains("state directory"), "{}", chain(&error));
    assert_eq!(fake.resources(), [""; 0]);
}
