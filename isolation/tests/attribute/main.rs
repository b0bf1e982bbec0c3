//! The attribute `#[isolation::test]`, used as in another crate.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too; clippy exempts only the functions marked so

use isolation::{Command, Environment, EnvironmentSpec, NetworkMode, NetworkSpec};

async fn text(environment: &Environment, script: &str) -> String {
    environment
        .run(Command::shell(script))
        .await
        .unwrap()
        .stdout_text()
}

#[isolation::test(engines = ["basic"], image = "busybox")]
async fn test_gets_an_environment(environment: Environment) -> isolation::Result<()> {
    let output = environment.run(Command::shell("echo hello")).await?;
    assert_eq!(
        (environment.engine(), output.stdout_text().as_str()),
        ("basic", "hello\n")
    );
    Ok(())
}

#[isolation::test(engines = ["basic"], spec = EnvironmentSpec { env: [("MODE", "test")].into(), ..Default::default() })]
async fn specification_is_used(environment: Environment) {
    assert_eq!(text(&environment, "echo $MODE").await, "test\n");
}

#[isolation::test(engines = ["no-such-engine"])]
async fn unknown_engine_is_a_skip(_: Environment) {
    unreachable!("the test has no environment");
}

#[isolation::test(engines = ["basci"])]
#[should_panic(expected = "did you mean \"basic\"?")]
async fn misspelt_engine_is_a_failure(_: Environment) {
    unreachable!("the test has no environment");
}

fn without_network() -> EnvironmentSpec {
    let network = NetworkSpec {
        mode: NetworkMode::None,
        ..NetworkSpec::default()
    };
    EnvironmentSpec {
        network,
        ..EnvironmentSpec::default()
    }
}

#[isolation::test(engines = ["basic"], spec = without_network())]
async fn missing_feature_is_a_skip(_: Environment) {
    unreachable!("basic has no network of its own");
}

#[isolation::test(engines = ["basic"])]
#[should_panic(expected = "on purpose")]
async fn panic_is_passed_on(environment: Environment) {
    text(&environment, "true").await;
    panic!("on purpose");
}

#[isolation::test(engines = ["basic"])]
#[should_panic(expected = "returned an error")]
async fn error_is_a_failure(_: Environment) -> Result<(), String> {
    Err("on purpose".into())
}

/// The IDs that the tests with a shared environment have seen.
static SEEN: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

fn same(environment: &Environment) {
    let mut seen = SEEN.lock().unwrap();
    seen.push(environment.id().to_string());
    // The ID follows from the specification and the program.
    assert!(seen.iter().all(|id| *id == seen[0]), "{seen:?}");
}

#[isolation::test(engines = ["basic"], shared)]
async fn first_of_two_that_share(environment: Environment) {
    same(&environment);
}

#[isolation::test(engines = ["basic"], shared = true)]
async fn second_of_two_that_share(environment: Environment) {
    same(&environment);
}
