//! Runs a command in an environment: in a container if a Docker daemon answers, otherwise in a
//! temporary directory.
//!
//! ```console
//! $ cargo run -p isolation --example run_isolated
//! $ cargo run -p isolation --example run_isolated -- basic             # an engine by name
//! $ cargo run -p isolation --example run_isolated -- docker busybox    # and with an image
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

use isolation::{Command, CopySource, EngineChoice, EnvironmentSpec, Manager, Registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> isolation::Result<()> {
    let manager = Manager::new(Registry::with_builtin());
    let mut arguments = std::env::args().skip(1);
    let choice = match arguments.next() {
        Some(name) => EngineChoice::Named(name),
        None => EngineChoice::Auto,
    };
    let spec = EnvironmentSpec {
        image: arguments.next(), // without one, the engine uses its default
        env: [("GREETING", "hello")].into(),
        ..Default::default()
    };
    let environment = manager.create(&choice, spec).await?;
    println!("{} runs on engine {}", environment.name(), environment.engine());

    environment
        .copy_in(CopySource::bytes("from the test\n"), "note.txt")
        .await?;
    let output = environment
        .run(Command::shell("echo $GREETING; cat note.txt; exit 3"))
        .await?;
    print!("{}", output.stdout_text());
    println!("exit code: {}", output.exit.code);

    manager.shutdown().await // destroys every environment of this manager
}
