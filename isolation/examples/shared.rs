//! One environment for several test programs: the first one creates it, the last one removes it.
//!
//! ```console
//! $ cargo run -p isolation --example shared
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry};

/// The work of each test program.
async fn test_program(manager: &Manager) -> isolation::Result<isolation::Environment> {
    let spec = EnvironmentSpec {
        name: Some("example-shared".into()),
        image: Some("busybox".into()),
        ..Default::default()
    };
    manager.shared(&EngineChoice::Auto, spec).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    // Two managers behave as two processes do.
    let (first, second) = (
        Manager::new(Registry::with_builtin()),
        Manager::new(Registry::with_builtin()),
    );
    let one = test_program(&first).await?;
    let other = test_program(&second).await?;
    assert_eq!(one.id(), other.id());
    one.run(Command::shell("echo prepared >/state")).await?;
    let state = other.run(Command::shell("cat /state")).await?;
    println!("both use {}: {}", one.name(), state.stdout_text().trim_end());
    assert_eq!(state.stdout_text(), "prepared\n");

    first.shutdown().await?;
    // The other one still has it.
    assert!(other.run(Command::new(["true"])).await?.exit.success());
    second.shutdown().await
}
