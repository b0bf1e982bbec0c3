//! How long a sandbox takes until its first command has ended, beside plain `bwrap`, and whether
//! many at once leave anything.
//!
//! ```console
//! $ cargo run --release -p isolation --example sandbox_start
//! ```
#![allow(clippy::print_stdout)] // an example prints its result

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> isolation::Result<()> {
    linux::figures().await
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("sandboxes need Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::process::Stdio;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use isolation::engines::sandbox::SandboxEngine;
    use isolation::{Command, EngineChoice, EnvironmentSpec, Error, Manager, Registry, Result};

    /// How often each one is measured, in turns: both see the same load of the machine.
    const ROUNDS: usize = 40;

    /// How many sandboxes run at once.
    const MANY: usize = 100;

    pub(super) async fn figures() -> Result<()> {
        let mut registry = Registry::new();
        registry.register(SandboxEngine::new())?;
        let manager = Arc::new(Manager::new(registry));
        one(&manager).await?; // the probe, and files that are read for the first time
        let (mut plain, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            plain.push(bwrap()?);
            ours.push(one(&manager).await?);
        }
        let (plain, ours) = (milliseconds(median(plain)), milliseconds(median(ours)));
        println!("plain bwrap, `true`: {plain:.1} ms");
        println!("sandbox, ready and `true` run: {ours:.1} ms");
        println!("ratio: {:.1}", ours / plain);

        let began = Instant::now();
        let tasks: Vec<_> = (0..MANY)
            .map(|_| {
                let manager = Arc::clone(&manager);
                tokio::spawn(async move { one(&manager).await })
            })
            .collect();
        for task in tasks {
            task.await.map_err(|error| Error::engine("sandbox", error))??;
        }
        println!("{MANY} at once: {:.1} ms", milliseconds(began.elapsed()));
        let session = manager.session();
        let (listed, _) = manager.registry().list().await;
        let left = listed
            .iter()
            .filter(|one| one.session.as_deref() == Some(session));
        println!("left: {}", left.count());
        manager.shutdown().await
    }

    /// Creates a sandbox and runs a command; the removal is not measured.
    async fn one(manager: &Manager) -> Result<Duration> {
        let began = Instant::now();
        let environment = manager
            .create(&EngineChoice::Auto, EnvironmentSpec::default())
            .await?;
        environment.run(Command::new(["true"])).await?;
        let took = began.elapsed();
        environment.destroy().await?;
        Ok(took)
    }

    fn bwrap() -> Result<Duration> {
        let arguments = [
            "--unshare-all",
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "true",
        ];
        let began = Instant::now();
        let status = std::process::Command::new("bwrap")
            .args(arguments)
            .stdin(Stdio::null())
            .status();
        status.map_err(|error| Error::engine("sandbox", error))?;
        Ok(began.elapsed())
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn milliseconds(time: Duration) -> f64 {
        time.as_secs_f64() * 1e3
    }
}
