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
//! for change in python.diff(&before).await? {
//!     println!("{change}");
//! }
//! # Ok(())
//! # }
//! ```

mod apk;
mod apt;
mod export;
mod install;
mod install_locked;
mod inventory;
mod manager;
mod network;
mod npm;
mod pip;
mod redact;

#[cfg(unix)]
pub(crate) use self::pip::python as python_command;
pub(crate) use self::redact::without_credentials;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::command::output::CommandOutput;
use crate::engine::capabilities::{Feature, IsolationLevel};
use crate::engines::VIRTUALENV;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};

pub use export::LockFormat;
pub use install::{InstallPackages, PackageIndex, PackageSources};
pub(crate) use inventory::differences_for;
pub use inventory::{Package, PackageChange, differences};
pub use manager::PackageManager;

/// How long a listing may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an installation may take by default.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);

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
    pub async fn install(&self, options: InstallPackages) -> Result<Installation> {
        self.named(self.do_install(&options).await, "install packages in")
    }

    /// Replaces installed packages by the newest ones that fit. One that is not installed is an
    /// error of the kind [`ErrorKind::NotFound`], and nothing is replaced then.
    pub async fn upgrade(&self, options: InstallPackages) -> Result<Installation> {
        let work = async {
            options.check(self.manager)?;
            self.check_owner()?;
            let named = options.names.iter().map(|name| base_name(self.manager, name));
            self.check_installed(&self.installed().await?, named.flatten())?;
            let upgrade = true;
            self.do_install(&InstallPackages { upgrade, ..options }).await
        };
        self.named(work.await, "upgrade packages in")
    }

    async fn do_install(&self, options: &InstallPackages) -> Result<Installation> {
        options.check(self.manager)?;
        self.check_owner()?;
        self.check_users()?;
        let virtual_environment = match self.manager {
            PackageManager::Pip | PackageManager::Uv => pip::install(self, options).await?,
            PackageManager::Apt => apt::install(self, options).await.map(|()| None)?,
            PackageManager::Apk => apk::install(self, options).await.map(|()| None)?,
            PackageManager::Npm => npm::install(self, options).await.map(|()| None)?,
        };
        Ok(Installation { virtual_environment })
    }

    /// Removes packages. Packages that were installed for them stay. One that is not installed is
    /// an error of the kind [`ErrorKind::NotFound`], and nothing is removed then.
    pub async fn uninstall(&self, names: &[&str]) -> Result<()> {
        let work = async {
            install::check_names(self.manager, names)?;
            self.check_owner()?;
            self.check_users()?;
            let installed = self.installed().await?;
            self.check_installed(&installed, names.iter().copied())?;
            match self.manager {
                PackageManager::Pip | PackageManager::Uv => pip::uninstall(self, &installed, names).await,
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

    /// As [`list`](Self::list), with a digest of the files of each package, where the package
    /// manager has digests: pip and uv.
    pub async fn list_with_digests(&self) -> Result<Vec<Package>> {
        self.named(self.found(true).await, "list the packages of")
    }

    /// The differences from another list, such as an earlier one, or that of another environment.
    pub async fn diff(&self, before: &[Package]) -> Result<Vec<PackageChange>> {
        Ok(differences(self.manager, before, &self.list().await?))
    }

    async fn installed(&self) -> Result<Vec<Package>> {
        self.found(false).await
    }

    async fn found(&self, digests: bool) -> Result<Vec<Package>> {
        let mut found = match self.manager {
            PackageManager::Pip | PackageManager::Uv => pip::list(self, digests).await?,
            PackageManager::Apt => apt::list(self).await?,
            PackageManager::Apk => apk::list(self).await?,
            PackageManager::Npm => npm::list(self).await?,
        };
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn check_installed<'n>(
        &self,
        installed: &[Package],
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<()> {
        // apt would take another spelling as a pattern.
        let is_named = |one: &Package, name: &str| one.is_named_for(self.manager.name(), name);
        let missing = |name: &&str| !installed.iter().any(|one| is_named(one, name));
        match names.into_iter().find(missing) {
            Some(name) => Err(Error::not_found(format!("the package {name} is not installed"))),
            None => Ok(()),
        }
    }

    /// Whether the packages belong to the environment, and not to this host.
    pub(crate) fn are_own(&self) -> bool {
        let capabilities = &self.environment.shared().capabilities;
        let managers = &capabilities.values().package_managers;
        // An engine of another program may be one of virtual environments, too.
        managers.iter().any(|name| name == self.manager.name())
            || capabilities.isolation() > IsolationLevel::Process
    }

    /// Fails if the packages belong to this host. Without a file system of its own, an environment
    /// has only those of its virtual environment.
    pub(crate) fn check_owner(&self) -> Result<()> {
        match self.are_own() {
            true => Ok(()),
            false => {
                let engine = self.environment.engine();
                let why = format!(
                    "{} would change the packages of this host, because the engine {engine} uses its files; \
                     use a container, or pip in an environment of the engine {VIRTUALENV}",
                    self.manager.name()
                );
                Err(Error::new(ErrorKind::Unsupported, why))
            }
        }
    }

    /// Fails if the packages have files of users that the environment does not have.
    fn check_users(&self) -> Result<()> {
        let capabilities = &self.environment.shared().capabilities;
        let managers = &capabilities.values().package_managers;
        let needs_users = matches!(self.manager, PackageManager::Apt | PackageManager::Apk)
            && !managers.iter().any(|name| name == self.manager.name());
        let missing = capabilities.missing(&[Feature::Users].into());
        match missing.first().filter(|_| needs_users) {
            None => Ok(()),
            Some(missing) => {
                let manager = self.manager.name();
                let why = format!(
                    "{manager} needs several users in the environment: {}",
                    missing.reason
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
        let timeout = *command.timeout.get_or_insert(timeout);
        self.succeeded(self.execute(command).await?, timeout)
    }

    async fn execute(&self, command: Command) -> Result<CommandOutput> {
        let command = network::reach_index(self.environment, command);
        self.environment.run(command).await
    }

    fn succeeded(&self, output: CommandOutput, timeout: Duration) -> Result<CommandOutput> {
        let program = self.manager.name();
        let reason = || match self.manager {
            // It ends with the place of its log.
            PackageManager::Npm => redact::first_lines(&output),
            _ => redact::last_lines(&output),
        };
        match output.exit.code {
            _ if output.exit.timed_out => {
                let why = format!("{program} did not end within {} s", timeout.as_secs_f64());
                Err(Error::new(ErrorKind::Timeout, why))
            }
            0 => Ok(output),
            pip::INVALID if self.manager.is_of_python() => Err(Error::invalid(reason())),
            127 if reason().contains("on the PATH") => Err(Error::not_found(reason())),
            127 => Err(Error::not_found(format!(
                "the environment has no {program}; use an image or an interpreter that has it"
            ))),
            code => {
                let why = format!("{program} ended with exit code {code}: {}", reason());
                Err(Error::new(ErrorKind::Engine, why))
            }
        }
    }
}

/// The result of an installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Installation {
    /// The virtual environment in which the packages are, if the Python of the environment belongs
    /// to its distribution: programs that need them are started by its `bin/python`.
    pub virtual_environment: Option<String>,
}

/// The name in a requirement such as `flask[async]>=3`; `None` for a path or an address.
fn base_name(manager: PackageManager, requirement: &str) -> Option<&str> {
    // apt: `curl:arm64`, `curl/stable`.
    let of_apt = |c: char| manager == PackageManager::Apt && matches!(c, ':' | '/');
    let end = |c: char| c.is_whitespace() || "[<>=!~;@(".contains(c) || of_apt(c);
    // The name of a package of npm may begin with a scope.
    let start = usize::from(requirement.starts_with('@'));
    let rest = &requirement[start..];
    let name = &requirement[..start + rest.find(end).unwrap_or(rest.len())];
    let is_place = requirement.contains("://") || requirement.starts_with(['/', '.']);
    (!is_place).then_some(name)
}

#[cfg(all(test, unix))]
mod own_tests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_ends_before_its_version() {
        use PackageManager::{Apk, Apt, Npm, Pip};
        for (manager, requirement, name) in [
            (Pip, "flask", Some("flask")),
            (
                Pip,
                "Flask_Login[async]>=3; python_version < '4'",
                Some("Flask_Login"),
            ),
            (Apt, "curl=1:8.5.0-2", Some("curl")),
            (Apt, "libc6:arm64", Some("libc6")),
            (Apt, "curl/stable", Some("curl")),
            (Apk, "curl~8.5", Some("curl")),
            (Npm, "@a/b@1", Some("@a/b")),
            (Pip, "x @ https://h/x.whl", None),
            (Pip, "./wheels/x.whl", None),
        ] {
            assert_eq!(base_name(manager, requirement), name, "{requirement}");
        }
    }

    #[test]
    fn package_manager_is_read_by_its_name() {
        for manager in PackageManager::ALL {
            assert_eq!(manager.name().parse::<PackageManager>().unwrap(), manager);
        }
        let error = "yum".parse::<PackageManager>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("pip, uv, apt, apk or npm"), "{error}");
    }
}
