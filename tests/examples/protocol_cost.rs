//! The cost of a command through the protocol, compared with a command in process.
//!
//! ```sh
//! cargo build --release -p isolation-cli
//! cargo run --release -p tests --example protocol_cost -- target/release/isolate
//! ```
//!
//! Both use the engine `basic`, in turns in one run, so compare the ratio; it fails above 1.5.

#![allow(clippy::print_stdout)] // it prints figures

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use isolation::engines::basic::BasicEngine;
    use isolation::engines::external::ExternalEngine;
    use isolation::{Command, EngineChoice, Environment, EnvironmentSpec, Manager, ManagerOptions, Registry};

    const ROUNDS: usize = 15;
    const COMMANDS: u32 = 40;
    const HIGHEST: f64 = 1.5;

    type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

    async fn time(environment: &Environment) -> Outcome<Duration> {
        let start = Instant::now();
        for _ in 0..COMMANDS {
            environment.run(Command::new(["true"])).await?;
        }
        Ok(start.elapsed() / COMMANDS)
    }

    fn median(times: &mut [Duration]) -> Duration {
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn script(isolate: &Path, directory: &Path) -> Outcome<ExternalEngine> {
        let program = directory.join("isolation-engine-served");
        let isolate = isolate.canonicalize()?;
        let text = format!(
            "#!/bin/sh\nexec '{}' serve --stdio --engine basic\n",
            isolate.display()
        );
        std::fs::write(&program, text)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        Ok(ExternalEngine::at("served", program))
    }

    pub(crate) async fn compare(isolate: &Path) -> Outcome<()> {
        let directory = tempfile::tempdir()?;
        let mut registry = Registry::new();
        registry.register(BasicEngine::new())?;
        registry.register(script(isolate, directory.path())?)?;
        let options = ManagerOptions {
            state_directory: Some(directory.path().join("state")),
            ..ManagerOptions::default()
        };
        let manager = Manager::with_options(registry, options);
        let create = |name: &str| {
            let choice = EngineChoice::Named(name.to_owned());
            let manager = &manager;
            async move { manager.create(&choice, EnvironmentSpec::default()).await }
        };
        let (here, there) = (create("basic").await?, create("served").await?);
        let (mut direct, mut through) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            direct.push(time(&here).await?);
            through.push(time(&there).await?);
        }
        let (direct, through) = (median(&mut direct), median(&mut through));
        let ratio = through.as_secs_f64() / direct.as_secs_f64();
        println!("in process {direct:?}, through the protocol {through:?}, ratio {ratio:.2}");
        manager.shutdown().await?;
        match ratio <= HIGHEST {
            true => Ok(()),
            false => Err(format!("the ratio is above {HIGHEST}").into()),
        }
    }
}

#[cfg(unix)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let isolate = std::env::args().nth(1).ok_or("name the program isolate")?;
    unix::compare(isolate.as_ref()).await
}

#[cfg(not(unix))]
fn main() {
    println!("the engine basic needs Unix");
}
