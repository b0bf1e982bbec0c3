//! Environments that were moved, and whose interpreter has changed.

use std::fs;
use std::path::PathBuf;

use isolation::engines::virtualenv::{VirtualenvEngine, VirtualenvProblem};
use isolation::{Environment, ErrorKind, Manager};

use crate::engine::{Fixture, cache, manager, printed};

fn engine(manager: &Manager) -> VirtualenvEngine {
    manager
        .registry()
        .get_as::<VirtualenvEngine>("virtualenv")
        .unwrap()
        .clone()
}

fn venv(base: &std::path::Path, environment: &Environment) -> PathBuf {
    let name = format!("isolation-virtualenv-{}/root/.venv", environment.id());
    base.canonicalize().unwrap().join(name)
}

/// Moved twice: files of both times name other paths.
#[tokio::test]
async fn moved_environment_is_repaired() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    environment.keep().await.unwrap();
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    let first = venv(fixture.base.path(), &environment);
    assert!(
        engine(&fixture.manager)
            .validate(environment.id())
            .await
            .unwrap()
            .is_empty()
    );

    let other = tempfile::tempdir().unwrap();
    let middle = other.path().join("middle");
    fs::rename(fixture.base.path(), &middle).unwrap();
    let added = venv(&middle, &environment);
    fs::write(
        added.join("bin/aaa"),
        format!("#!{}/bin/python\nprint('aaa')\n", added.display()),
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(added.join("bin/aaa"), mode).unwrap();
    let last = other.path().join("last");
    fs::rename(&middle, &last).unwrap();
    let here = venv(&last, &environment);

    let moved = manager(VirtualenvEngine::below(&last).with_cache(cache()));
    let opened = moved.open(environment.id().as_str()).await.unwrap();
    let error = opened.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    for part in [&first, &here].map(|path| path.display().to_string()) {
        assert!(text.contains(&part), "{text}");
    }
    assert!(text.contains("isolate repair"), "{text}");
    let problems = engine(&moved).validate(opened.id()).await.unwrap();
    let expected = |from: &PathBuf| VirtualenvProblem::Moved {
        from: from.clone(),
        to: here.clone(),
    };
    assert_eq!(problems, [expected(&first)]);
    let repaired = engine(&moved).repair(opened.id()).await.unwrap();
    assert_eq!(repaired, [expected(&first), expected(&added)]);
    assert!(engine(&moved).validate(opened.id()).await.unwrap().is_empty());
    opened.start().await.unwrap();
    assert_eq!(printed(&opened, &["aaa"]).await, "aaa");
    let version = printed(&opened, &["pip", "--version"]).await;
    assert!(version.contains(here.to_str().unwrap()), "{version}");
    opened.destroy().await.unwrap();
}

#[tokio::test]
async fn new_patch_version_is_a_note_a_minor_one_an_error() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    environment.stop(std::time::Duration::ZERO).await.unwrap();
    let file = venv(fixture.base.path(), &environment).join("pyvenv.cfg");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.starts_with("version")).unwrap();
    let numbers: Vec<_> = line.split(['=', '.']).map(str::trim).collect();
    let change =
        |version: &str| fs::write(&file, text.replace(line, &format!("version = {version}"))).unwrap();

    change(&format!("3.{}.99", numbers[2]));
    environment.start().await.unwrap();
    let engine = engine(&fixture.manager);
    let problems = engine.validate(environment.id()).await.unwrap();
    assert!(
        matches!(&problems[..], [VirtualenvProblem::NewPatch { .. }]),
        "{problems:?}"
    );
    assert!(!problems[0].is_broken());
    assert_eq!(engine.repair(environment.id()).await.unwrap(), problems);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    environment.stop(std::time::Duration::ZERO).await.unwrap();

    change("3.2.1");
    let error = environment.start().await.unwrap_err();
    assert!(
        error.to_string().contains("had version 3.2.1 and has 3."),
        "{error}"
    );
    let error = engine.repair(environment.id()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("3.2.1"), "{error}");
}

/// No other Python of the PATH replaces it.
#[tokio::test]
async fn missing_interpreter_is_not_replaced() {
    let fixture = Fixture::new();
    let environment = fixture.environment().await;
    let python = venv(fixture.base.path(), &environment).join("bin/python");
    fs::remove_file(&python).unwrap();
    std::os::unix::fs::symlink("/no/such/python", &python).unwrap();
    let error = engine(&fixture.manager)
        .repair(environment.id())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("/no/such/python in "), "{error}");
    assert_eq!(fs::read_link(&python).unwrap().to_str(), Some("/no/such/python"));
}

#[tokio::test]
async fn environment_of_another_engine_is_not_found() {
    let fixture = Fixture::new();
    let id = "0123456789abcdef".parse().unwrap();
    let error = engine(&fixture.manager).repair(&id).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.operation(), Some("repair the virtual environment of"));
}
