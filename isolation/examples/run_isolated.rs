//! Runs a command in an environment of its own: a container where an engine answers, else a private directory.
//!
//! ```console
//! $ cargo run -p isolation --example run_isolated
//! $ cargo run -p isolation --example run_isolated -- basic             # by the engine's name
//! $ cargo run -p isolation --example run_isolated -- docker busybox    # and with an image
//! ```
#![allow(clippy::print_stdout)] // an example prints what it has found

use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, Registry, Source};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let manager = Manager::new(Registry::with_builtin());
    let mut arguments = std::env::args().skip(1);
    let choice = match arguments.next() {
        Some(name) => EngineChoice::Named(name),
        None => EngineChoice::Auto,
    };
    let spec = EnvironmentSpec {
        image: arguments.next(), // none is the engine's own
        env: [("GREETING".into(), "hello".into())].into(),
        ..Default::default()
    };
    let environment = manager.create(&choice, spec).await?;
    println!("{} is on the engine {}", environment.name(), environment.engine());

    environment
        .copy_in(Source::bytes("from the test\n"), "note.txt")
        .await?;
    let output = environment
        .run(Command::shell("echo $GREETING; cat note.txt; exit 3"))
        .await?;
    print!("{}", output.stdout_text());
    println!("exit code: {}", output.exit.code);

    manager.shutdown().await // and nothing is left
}
