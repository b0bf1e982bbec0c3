//! A service that fails: the error has its exit code and the last lines of its log.
//!
//! ```console
//! $ cargo run -p isolation --example failure
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use std::error::Error;

use isolation::{Command, EngineChoice, EnvironmentSpec, Main, Manager, Registry, WaitFor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let manager = Manager::new(Registry::with_builtin());
    let script = "echo reading the configuration; echo 'no key DATABASE_URL' >&2; exit 3";
    let spec = EnvironmentSpec {
        image: Some("busybox".into()),
        main: Main::Command(Command::shell(script)),
        ready: Some(WaitFor::Port(80).into()),
        ..Default::default()
    };
    let Err(error) = manager.create(&EngineChoice::Auto, spec).await else {
        return Err("a service without its configuration has started".into());
    };

    // The error and its causes: an environment that has failed is removed, its log is kept here.
    let mut report = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        report += &format!("\n  caused by: {error}");
        cause = error.source();
    }
    println!("{report}");
    assert!(report.contains("no key DATABASE_URL"));

    manager.shutdown().await?;
    Ok(())
}
