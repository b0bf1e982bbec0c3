//! Packages of Python in the environments of a walk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use isolation::packages::{InstallPackages, PackageIndex, PackageManager};
use isolation::{
    Command, EngineChoice, Environment, EnvironmentSpec, Error, ErrorKind, Manager, Migrated, Result,
};

use super::places::Place;
use super::{Walk, named};

/// The names of the packages of an environment.
pub(super) type Packages = BTreeSet<&'static str>;

/// The packages that a step may install or uninstall. Each has a program of the same name.
const NAMES: [&str; 3] = ["walk-a", "walk-b", "walk-c"];

/// Writes their archives into a directory.
const WHEELS: &str = "import sys, zipfile
for name in sys.argv[2:]:
    module = name.replace('-', '_')
    info = f'{module}-1.0.dist-info'
    files = {
        f'{module}.py': f'def main(): print(\"{name}\")\\n',
        f'{info}/METADATA': f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n',
        f'{info}/entry_points.txt': f'[console_scripts]\\n{name} = {module}:main\\n',
    }
    files[f'{info}/RECORD'] = ''.join(f'{path},,\\n' for path in [*files, f'{info}/RECORD'])
    with zipfile.ZipFile(f'{sys.argv[1]}/{module}-1.0-py3-none-any.whl', 'w') as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
";

/// The directory of the archives; `None` without a Python on this machine.
pub(super) async fn wheels(manager: &Manager, places: &[Place], base: &Path) -> Result<Option<PathBuf>> {
    if !places.iter().any(|place| place.engine == "virtualenv") {
        return Ok(None);
    }
    let directory = base.join("wheels");
    std::fs::create_dir(&directory).map_err(|error| Error::engine("walk", error))?;
    let choice = EngineChoice::Named("virtualenv".to_owned());
    let environment = manager.create(&choice, EnvironmentSpec::default()).await?;
    let start = ["python", "-c", WHEELS].map(str::to_owned);
    let words = start.into_iter().chain([directory.display().to_string()]);
    let words = words.chain(NAMES.map(str::to_owned));
    let output = environment.run(Command::new(words.collect::<Vec<_>>())).await?;
    environment.destroy().await?;
    match output.exit.success() {
        true => Ok(Some(directory)),
        false => Err(Error::engine("walk", output.stderr_text())),
    }
}

/// Those of the packages that the environment has.
async fn installed(environment: &Environment) -> Result<Packages> {
    let listed = environment.packages(PackageManager::Pip).list().await?;
    let is_listed = |name: &&str| listed.iter().any(|one| one.is_named(name));
    Ok(NAMES.into_iter().filter(is_listed).collect())
}

/// The packages of an environment that has migrated. Each one is there, unless the plan says that
/// packages are lost.
pub(super) async fn after_migration(
    migrated: &Migrated,
    before: Option<Packages>,
) -> Result<Option<Packages>> {
    let plan = &migrated.plan;
    let mut losses = plan.lost.iter().chain(&plan.blocked);
    let are_lost = losses.any(|lost| lost.what.contains("package"));
    match before {
        Some(before) if !are_lost => {
            let found = installed(&migrated.environment).await?;
            match found == before {
                true => Ok(Some(before)),
                false => {
                    let why = format!("the packages {before:?} are now {found:?}; the plan was {plan:?}");
                    Err(Error::engine("walk", why))
                }
            }
        }
        // A virtual environment that was among the files may be used again.
        _ if migrated.environment.engine() == "virtualenv" => {
            installed(&migrated.environment).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Compares the packages with the model, and runs a program of each.
pub(super) async fn check(environment: &Environment, expected: &Packages) -> std::result::Result<(), String> {
    let here = named("environment", environment);
    let found = installed(environment).await;
    let found = found.map_err(|error| format!("{here}: {}", crate::chain(&error)))?;
    if found != *expected {
        return Err(format!(
            "{here} has the packages {found:?} instead of {expected:?}"
        ));
    }
    for name in expected {
        let program = format!(".venv/bin/{name}");
        let output = environment.run(Command::new([program])).await;
        let output = output.map_err(|error| format!("{here}: {}", crate::chain(&error)))?;
        if output.stdout_text().trim() != *name {
            return Err(format!("{here}: {name} does not run: {}", output.stderr_text()));
        }
    }
    Ok(())
}

impl Walk<'_> {
    /// Installs a package, or uninstalls it if it is there. Where packages belong to the host, this
    /// is refused.
    pub(super) async fn change_packages(&mut self, at: usize) -> Result<()> {
        let number = self.random(NAMES.len());
        let name = NAMES[number];
        let Some(wheels) = self.wheels.clone() else {
            return Ok(());
        };
        let (environment, model) = &mut self.environments[at];
        let packages = environment.packages(PackageManager::Pip);
        let file = format!("{}-1.0-py3-none-any.whl", name.replace('-', "_"));
        let options = InstallPackages {
            names: vec![wheels.join(file).display().to_string()],
            index: PackageIndex::None,
            ..InstallPackages::default()
        };
        match (environment.engine(), &mut model.packages) {
            ("virtualenv", Some(has)) if has.contains(name) => {
                self.log
                    .push(format!("uninstall {name}: {}", named("from", environment)));
                packages.uninstall(&[name]).await?;
                has.remove(name);
                Ok(())
            }
            ("virtualenv", Some(has)) => {
                self.log
                    .push(format!("install {name}: {}", named("into", environment)));
                packages.install(options).await?;
                has.insert(name);
                Ok(())
            }
            ("basic", _) => {
                self.log
                    .push(format!("install {name}, refused: {}", named("into", environment)));
                match packages.install(options).await {
                    Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
                    Err(error) => Err(error),
                    Ok(_) => Err(Error::engine("walk", "a package of the host was installed")),
                }
            }
            _ => Ok(()),
        }
    }
}
