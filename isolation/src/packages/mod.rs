//! Packages of an environment: those of Python, of the system, of Node.
//!
//! Every call is a command of the package manager in the environment, so that it works on every
//! engine that runs commands.
//!
//! ```no_run
//! use isolation::Environment;
//! use isolation::packages::{InstallPackages, PackageManager};
//!
//! # async fn demo(environment: &Environment) -> isolation::Result<()> {
//! let python = environment.packages(PackageManager::Pip);
//! let before = python.list().await?;
//! let names = vec!["flask>=3".to_owned()];
//! python.install(InstallPackages { names, ..InstallPackages::default() }).await?;
//! for change in isolation::packages::differences(&before, &python.list().await?) {
//!     println!("{change}");
//! }
//! # Ok(())
//! # }
//! ```

mod apk;
mod apt;
mod install;
mod inventory;
mod npm;
mod pip;
mod redact;

pub(crate) use self::redact::without_credentials;

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::command::output::CommandOutput;
use crate::engine::capabilities::IsolationLevel;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};

pub use install::{InstallPackages, PackageIndex};
pub use inventory::{Package, PackageChange, differences};

/// The engine whose environments have a Python of their own in the files of this host.
const VIRTUALENV: &str = "virtualenv";

/// How long a listing may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an installation may take by default.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackageManager {
    /// pip, for the first `python` or `python3` on the `PATH`.
    Pip,
    /// apt, of Debian and Ubuntu. Commands must run as root.
    Apt,
    /// apk, of Alpine. Commands must run as root.
    Apk,
    /// npm, for packages of all users (`--global`).
    Npm,
}

impl PackageManager {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Apt => "apt",
            Self::Apk => "apk",
            Self::Npm => "npm",
        }
    }
}

impl FromStr for PackageManager {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Pip, Self::Apt, Self::Apk, Self::Npm];
        let found = all.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is no package manager; write pip, apt, apk or npm"
            ))
        })
    }
}

/// The packages of an environment; see [`Environment::packages`].
#[derive(Debug, Clone, Copy)]
pub struct Packages<'a> {
    environment: &'a Environment,
    manager: PackageManager,
}

impl Environment {
    /// The packages that a package manager has installed in it, and more of them.
    pub fn packages(&self, manager: PackageManager) -> Packages<'_> {
        Packages {
            environment: self,
            manager,
        }
    }
}

impl Packages<'_> {
    /// Installs packages, and those on which they depend.
    ///
    /// # Errors
    ///
    /// If the package manager is missing, the kind is [`ErrorKind::NotFound`]. If it fails, the
    /// error has its last lines, without credentials, and the kind is [`ErrorKind::Engine`]. A
    /// name that the package manager would read as an option is [`ErrorKind::InvalidInput`]. If the
    /// packages belong to this host, as on the engine `basic`, it is [`ErrorKind::Unsupported`].
    pub async fn install(&self, options: InstallPackages) -> Result<()> {
        let work = async {
            options.check(self.manager)?;
            self.check_owner()?;
            match self.manager {
                PackageManager::Pip => pip::install(self, &options).await,
                PackageManager::Apt => apt::install(self, &options).await,
                PackageManager::Apk => apk::install(self, &options).await,
                PackageManager::Npm => npm::install(self, &options).await,
            }
        };
        self.named(work.await, "install packages in")
    }

    /// Removes packages. Packages that were installed for them stay. One that is not installed is
    /// an error of the kind [`ErrorKind::NotFound`], and nothing is removed then.
    pub async fn uninstall(&self, names: &[&str]) -> Result<()> {
        let work = async {
            install::check_names(self.manager, names)?;
            self.check_owner()?;
            let installed = self.installed().await?;
            let is_named = |one: &Package, name: &str| match self.manager {
                PackageManager::Pip => one.is_named(name),
                // apt would take another spelling as a pattern.
                _ => one.name == name,
            };
            let missing = |name: &&&str| !installed.iter().any(|one| is_named(one, name));
            if let Some(name) = names.iter().find(missing) {
                return Err(Error::not_found(format!("the package {name} is not installed")));
            }
            match self.manager {
                PackageManager::Pip => pip::uninstall(self, &installed, names).await,
                PackageManager::Apt => apt::uninstall(self, names).await,
                PackageManager::Apk => apk::uninstall(self, names).await,
                PackageManager::Npm => npm::uninstall(self, names).await,
            }
        };
        self.named(work.await, "uninstall packages in")
    }

    /// The installed packages, sorted by name.
    pub async fn list(&self) -> Result<Vec<Package>> {
        self.named(self.installed().await, "list the packages of")
    }

    async fn installed(&self) -> Result<Vec<Package>> {
        let mut found = match self.manager {
            PackageManager::Pip => pip::list(self).await?,
            PackageManager::Apt => apt::list(self).await?,
            PackageManager::Apk => apk::list(self).await?,
            PackageManager::Npm => npm::list(self).await?,
        };
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Fails if the packages belong to this host. Without a file system of its own, an environment
    /// has only those of its virtual environment.
    fn check_owner(&self) -> Result<()> {
        let engine = self.environment.engine();
        let is_own = self.manager == PackageManager::Pip && engine == VIRTUALENV;
        let level = self.environment.shared().capabilities.isolation();
        match is_own || level > IsolationLevel::Process {
            true => Ok(()),
            false => {
                let why = format!(
                    "{} would change the packages of this host, because the engine {engine} uses its files; \
                     use a container, or pip in an environment of the engine {VIRTUALENV}",
                    self.manager.name()
                );
                Err(Error::new(ErrorKind::Unsupported, why))
            }
        }
    }

    fn named<T>(&self, outcome: Result<T>, operation: &'static str) -> Result<T> {
        outcome.map_err(|error| error.during(operation, self.environment.name()))
    }

    /// Runs a command of the package manager, which must succeed.
    async fn run(&self, mut command: Command, timeout: Duration) -> Result<CommandOutput> {
        command.timeout.get_or_insert(timeout);
        let program = self.manager.name();
        let output = self.environment.run(command).await?;
        match output.exit.code {
            _ if output.exit.timed_out => {
                let why = format!("{program} did not end within {} s", timeout.as_secs());
                Err(Error::new(ErrorKind::Timeout, why))
            }
            0 => Ok(output),
            127 => Err(Error::not_found(format!(
                "the environment has no {program}; use an image or an interpreter that has it"
            ))),
            code => {
                let reason = redact::last_lines(&output);
                if self.manager == PackageManager::Pip && reason.ends_with("No module named pip") {
                    let why = "its Python has no pip; create it with pip, or use an image that has it";
                    return Err(Error::not_found(why));
                }
                let why = format!("{program} ended with exit code {code}: {reason}");
                Err(Error::new(ErrorKind::Engine, why))
            }
        }
    }
}
