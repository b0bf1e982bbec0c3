//! A pool: environments are prepared ahead, so that a test begins at once.
//!
//! ```console
//! $ cargo run -p isolation --example pool
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::time::Instant;

use isolation::{Command, EngineChoice, EnvironmentSpec, Manager, ManagerOptions, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let options = ManagerOptions {
        pool: 2,
        ..Default::default()
    };
    let manager = Manager::with_options(Registry::with_builtin(), options);
    let spec = EnvironmentSpec {
        image: Some("busybox".into()),
        ..Default::default()
    };
    manager.prepare(&EngineChoice::Auto, spec.clone()).await?;

    for test in 1..=3 {
        let started = Instant::now();
        let environment = manager.create(&EngineChoice::Auto, spec.clone()).await?;
        let output = environment.run(Command::shell("echo ready")).await?;
        println!(
            "test {test}: {} after {:?}",
            output.stdout_text().trim_end(),
            started.elapsed()
        );
        environment.destroy().await?; // an environment is used once
    }
    let stats = manager.pool_stats();
    println!("{stats:?}");
    assert!(stats.hits >= 1);

    manager.shutdown().await
}
