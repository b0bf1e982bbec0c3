//! How long a virtual environment with pip takes, beside the tools that create one.
//!
//! ```console
//! $ cargo run --release -p isolation --example virtualenv_start
//! ```
//!
//! The template is kept from the first creation on. A tool that is not installed is left out. The
//! example fails if `uv venv --seed` is there and 0.3 of its time is not enough.
#![allow(clippy::print_stdout)] // an example prints its result

#[cfg(unix)]
#[tokio::main]
async fn main() -> isolation::Result<()> {
    unix::figures().await
}

#[cfg(not(unix))]
fn main() {
    println!("the engine virtualenv needs Unix");
}

#[cfg(unix)]
mod unix {
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use isolation::engines::virtualenv::{NAME, VirtualenvEngine};
    use isolation::{EngineChoice, EnvironmentSpec, Error, Manager, Registry, Result};

    /// How often each one is measured, in turns: all see the same load of the machine.
    const ROUNDS: usize = 9;

    /// The most of the time of `uv venv --seed` that a creation may take.
    const HIGHEST: f64 = 0.3;

    /// The tools, each followed by the path of the environment.
    const TOOLS: [(&str, &[&str]); 5] = [
        ("uv venv --seed", &["uv", "venv", "--quiet", "--seed"]),
        ("uv venv", &["uv", "venv", "--quiet"]),
        ("virtualenv", &["virtualenv", "--quiet"]),
        ("python3 -m venv", &["python3", "-m", "venv"]),
        (
            "python3 -m venv --without-pip",
            &["python3", "-m", "venv", "--without-pip"],
        ),
    ];

    pub(super) async fn figures() -> Result<()> {
        one().await?; // the template, and files that are read for the first time
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); TOOLS.len()];
        let mut ours = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(one().await?);
            for (tool, times) in TOOLS.iter().zip(&mut times) {
                times.extend(tool_once(tool.1)?);
            }
        }
        let ours = milliseconds(ours);
        println!("{:<32}{ours:8.1} ms", "this engine, pip included");
        let mut missed = false;
        for ((name, _), times) in TOOLS.iter().zip(times) {
            if times.is_empty() {
                println!("{name:<32}not installed");
                continue;
            }
            let theirs = milliseconds(times);
            println!("{name:<32}{theirs:8.1} ms, ratio {:.2}", ours / theirs);
            missed |= *name == TOOLS[0].0 && ours > HIGHEST * theirs;
        }
        match missed {
            false => Ok(()),
            true => Err(Error::engine(NAME, format!("the ratio is above {HIGHEST}"))),
        }
    }

    /// Creates an environment that is ready for commands, with a new manager and engine, as a new
    /// process has them; the removal is not measured.
    async fn one() -> Result<Duration> {
        let began = Instant::now();
        let mut registry = Registry::new();
        registry.register(VirtualenvEngine::new())?;
        let manager = Manager::new(registry);
        let environment = manager
            .create(&EngineChoice::Auto, EnvironmentSpec::default())
            .await?;
        let took = began.elapsed();
        environment.destroy().await?;
        manager.shutdown().await?;
        Ok(took)
    }

    /// Runs a tool; nothing if it is not installed or fails.
    fn tool_once(argv: &[&str]) -> Result<Option<Duration>> {
        let target = std::env::temp_dir().join(format!("isolate-figures-{}", std::process::id()));
        let began = Instant::now();
        let status = Command::new(argv[0])
            .args(&argv[1..])
            .arg(&target)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let took = began.elapsed();
        remove(&target)?;
        Ok(status.is_ok_and(|status| status.success()).then_some(took))
    }

    fn remove(target: &Path) -> Result<()> {
        match std::fs::remove_dir_all(target) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::engine(NAME, error)),
            _ => Ok(()),
        }
    }

    fn milliseconds(mut times: Vec<Duration>) -> f64 {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    }
}
