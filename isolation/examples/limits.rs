//! A memory limit: a command that needs more is killed, and the result names the cause.
//!
//! ```console
//! $ cargo run -p isolation --example limits
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, Registry, ResourceLimits};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let manager = Manager::new(Registry::with_builtin());
    let spec = EnvironmentSpec {
        image: Some("busybox".into()),
        limits: ResourceLimits {
            memory: Some(32 << 20),
            cpus: Some(0.5),
            pids: Some(64),
            ..Default::default()
        },
        ..Default::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;

    let greedy = environment.run(Command::new(["tail", "/dev/zero"])).await?;
    println!("tail /dev/zero ended: {}", greedy.exit);
    assert_eq!(greedy.exit.code, 137);

    // The environment still works, and reports what it uses.
    let sample = environment.metrics().await?;
    println!("in use: {sample:?}");
    assert!(environment.run(Command::new(["true"])).await?.exit.success());

    manager.shutdown().await
}
