//! How long a virtual environment with pip takes, beside the tools that create one; and how long a
//! fork of one with packages takes, beside an installation of them.
//!
//! ```console
//! $ cargo run --release -p isolation --example virtualenv_start
//! ```
//!
//! The template is kept from the first creation on. A tool that is not installed is left out. The
//! example fails if `uv venv --seed` is there and 0.3 of its time is not enough, or if an
//! installation is as fast as a fork.
#![allow(clippy::print_stdout)] // an example prints its result

#[cfg(unix)]
#[tokio::main]
async fn main() -> isolation::Result<()> {
    unix::figures().await?;
    unix::forks().await
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

    use isolation::engines::virtualenv::{NAME, VirtualenvEngine, VirtualenvOptions};
    use isolation::packages::{InstallPackages, PackageIndex, PackageManager};
    use isolation::{
        EngineChoice, Environment, EnvironmentSpec, Error, ForkOptions, Manager, Registry, Result,
    };

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

    /// Writes a wheel with some hundred modules, as a package of medium size has them.
    const WHEEL: &str = "import sys, zipfile
info = 'probe-1.0.dist-info'
files = {f'probe/m{at}.py': f'VALUE = {at}\\n' * 500 for at in range(600)}
files[f'{info}/METADATA'] = 'Metadata-Version: 2.1\\nName: probe\\nVersion: 1.0\\n'
files[f'{info}/WHEEL'] = 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'
files[f'{info}/entry_points.txt'] = '[console_scripts]\\nprobe = probe.m0:main\\n'
files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
with zipfile.ZipFile(f'{sys.argv[1]}/probe-1.0-py3-none-any.whl', 'w', zipfile.ZIP_DEFLATED) as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
";

    /// A fork of a prepared environment, beside new environments in which the packages of a local
    /// directory are installed.
    pub(super) async fn forks() -> Result<()> {
        let wheels = tempfile::tempdir().map_err(|error| Error::engine(NAME, error))?;
        let written = Command::new("python3")
            .args(["-c", WHEEL])
            .arg(wheels.path())
            .status();
        if !written.is_ok_and(|status| status.success()) {
            return Err(Error::engine(NAME, "python3 cannot write a wheel"));
        }
        let manager = manager()?;
        let prepared = created(&manager).await?;
        install(&prepared, PackageManager::Pip, wheels.path()).await?;
        let installers = match installed("uv") {
            true => vec![PackageManager::Pip, PackageManager::Uv],
            false => vec![PackageManager::Pip],
        };
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); installers.len()];
        let mut ours = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let forks = manager.fork(&prepared, 1, ForkOptions::default()).await?;
            ours.push(began.elapsed());
            for fork in forks {
                fork.destroy().await?;
            }
            for (installer, times) in installers.iter().zip(&mut times) {
                let began = Instant::now();
                let environment = created(&manager).await?;
                install(&environment, *installer, wheels.path()).await?;
                times.push(began.elapsed());
                environment.destroy().await?;
            }
        }
        prepared.destroy().await?;
        manager.shutdown().await?;
        let ours = milliseconds(ours);
        println!("{:<32}{ours:8.1} ms", "fork with 600 modules");
        let mut missed = false;
        for (installer, times) in installers.iter().zip(times) {
            let theirs = milliseconds(times);
            let name = format!("new, {} install", installer.name());
            println!("{name:<32}{theirs:8.1} ms, ratio {:.2}", ours / theirs);
            missed |= ours >= theirs;
        }
        match missed {
            false => Ok(()),
            true => Err(Error::engine(NAME, "an installation is as fast as a fork")),
        }
    }

    async fn install(environment: &Environment, installer: PackageManager, wheels: &Path) -> Result<()> {
        let options = InstallPackages {
            names: vec!["probe".to_owned()],
            index: PackageIndex::None,
            find_links: vec![wheels.display().to_string()],
            ..InstallPackages::default()
        };
        environment.packages(installer).install(options).await.map(drop)
    }

    fn installed(program: &str) -> bool {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    }

    fn manager() -> Result<Manager> {
        let mut registry = Registry::new();
        registry.register(VirtualenvEngine::new())?;
        Ok(Manager::new(registry))
    }

    async fn created(manager: &Manager) -> Result<Environment> {
        let mut spec = EnvironmentSpec::default();
        let options = VirtualenvOptions {
            // That is where uv mostly is.
            host_path: true,
            ..VirtualenvOptions::default()
        };
        options.add_to(&mut spec);
        manager.create(&EngineChoice::Auto, spec).await
    }

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
        let manager = manager()?;
        let environment = created(&manager).await?;
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
