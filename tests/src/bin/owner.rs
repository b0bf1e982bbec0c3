//! A process that owns environments of the docker engine, for tests that end it.
//!
//! ```text
//! owner ADDRESS PREFIX idle COUNT                creates environments, and waits
//! owner ADDRESS PREFIX restarted COUNT           the same, and restarts each of them first
//! owner ADDRESS PREFIX forks IMAGE                prepares forks of an environment, and waits
//! owner ADDRESS PREFIX main INPUT COMMAND…       runs a main process; INPUT is none, stdin or tty
//! owner ADDRESS PREFIX volume DIRECTORY          creates a volume below this directory, and waits
//! owner ADDRESS PREFIX main-alone INPUT COMMAND… the same without an init program
//! ```
//!
//! It prints `ready`, with the name of a volume, and after the end of a main process `exit CODE`.
//! While it waits, a line on standard input ends it: `panic`, `exit` or `return`.

#![allow(clippy::print_stdout)] // tests read it
#![allow(clippy::panic)] // a test asks for it

use std::future::pending;
use std::time::Duration;

use engine_api::Docker;
use isolation::engines::docker::{DockerEngine, DockerSettings, VolumeOptions};
use isolation::{
    Command, EngineChoice, EnvironmentSpec, ForkOptions, Input, Main, Manager, Registry, TerminalSize,
};
use tests::chain;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn spec() -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some("busybox:latest".to_owned()),
        ..EnvironmentSpec::default()
    }
}

async fn idle(manager: &Manager, count: usize, restarts: bool) -> Outcome<()> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(manager.create(&EngineChoice::Auto, spec()).await?);
    }
    for environment in held.iter().filter(|_| restarts) {
        environment.restart(Duration::from_secs(5)).await?;
    }
    println!("ready");
    let line = tokio::task::spawn_blocking(|| std::io::stdin().lines().next().transpose());
    match line.await??.as_deref() {
        Some("panic") => panic!("as the test asks"),
        Some("exit") => std::process::exit(7),
        Some("return") => Ok(()),
        _ => pending().await,
    }
}

async fn forks(manager: &Manager, image: &str) -> Outcome<()> {
    let spec = EnvironmentSpec {
        image: Some(image.to_owned()),
        ..EnvironmentSpec::default()
    };
    let environment = manager.create(&EngineChoice::Auto, spec).await?;
    let forks = manager
        .prepare_forks(&environment, 2, ForkOptions::default())
        .await?;
    let _taken = forks.take().await?;
    println!("ready");
    pending().await
}

async fn volume(engine: DockerEngine, prefix: &str, base: &str) -> Outcome<()> {
    let settings = DockerSettings {
        volume_base_path: Some(base.to_owned()),
        volume_prefix: prefix.to_owned(),
        default_image: "busybox:latest".to_owned(),
        ..engine.settings().clone()
    };
    let engine = engine.with_settings(settings)?;
    let volume = engine.volumes().create(VolumeOptions::default()).await?;
    println!("ready {}", volume.on_daemon());
    pending().await
}

async fn main_process(manager: &Manager, init: Option<bool>, input: &str, argv: &[String]) -> Outcome<()> {
    let command = Command {
        input: match input {
            "stdin" => Input::Piped,
            _ => Input::Empty,
        },
        terminal: (input == "tty").then(TerminalSize::default),
        ..Command::new(argv.to_vec())
    };
    let options = init.map(|init| ("docker".to_owned(), serde_json::json!({"init": init})));
    let spec = EnvironmentSpec {
        main: Main::Command(command),
        engine_options: options.into_iter().collect(),
        ..spec()
    };
    let selection = manager.select(&EngineChoice::Auto, &spec).await?;
    let environment = manager.create_unstarted(&selection, spec).await?;
    let mut execution = environment.start_attached().await?;
    println!("ready");
    // Held, so that the command reads no end of its input.
    let _stdin = execution.take_stdin();
    while execution.next().await?.is_some() {}
    println!("exit {}", execution.wait().await?.code);
    environment.destroy().await?;
    Ok(())
}

async fn run(arguments: &[String]) -> Outcome<()> {
    let [address, prefix, mode, rest @ ..] = arguments else {
        return Err(
            "usage: owner ADDRESS PREFIX idle COUNT | restarted COUNT | forks IMAGE | \
             volume DIRECTORY | main[-alone] INPUT COMMAND…"
                .into(),
        );
    };
    let docker = Docker::with_address(&address.parse()?)?;
    let mut registry = Registry::new();
    let engine = DockerEngine::new(docker).with_prefix(prefix.as_str())?;
    if let ("volume", [base]) = (mode.as_str(), rest) {
        return Box::pin(volume(engine, prefix, base)).await;
    }
    registry.register(engine)?;
    let manager = Manager::new(registry);
    match (mode.as_str(), rest) {
        ("idle", [count]) => idle(&manager, count.parse()?, false).await,
        ("restarted", [count]) => idle(&manager, count.parse()?, true).await,
        ("forks", [image]) => forks(&manager, image).await,
        ("main", [input, argv @ ..]) => main_process(&manager, None, input, argv).await,
        ("main-alone", [input, argv @ ..]) => main_process(&manager, Some(false), input, argv).await,
        _ => Err(format!("unknown mode {mode}").into()),
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = run(&arguments).await {
        println!("failed {}", chain(error.as_ref()).replace('\n', " "));
        std::process::exit(1);
    }
}
