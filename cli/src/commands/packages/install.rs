//! `isolate packages install`: installs packages.

use std::time::Duration;

use clap::Args;
use isolation::packages::{InstallPackages, Installation, PackageIndex};

use super::{Of, PARTLY};
use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::parse;
use crate::session::Session;
use crate::signals;

/// The environment variable that names an index with credentials.
const INDEX: &str = "ISOLATE_PACKAGE_INDEX";

/// The packages, and their sources.
#[derive(Debug, Args)]
pub(super) struct InstallOptions {
    #[command(flatten)]
    of: Of,
    /// Packages, such as 'flask>=3', curl=8.5.0-2, ./wheels/mine.whl
    #[arg(value_name = "PACKAGE", required_unless_present = "requirement")]
    names: Vec<String>,
    /// Requirement file in the environment, pylock.toml too; may be repeated (pip, uv)
    #[arg(long, short, value_name = "FILE")]
    requirement: Vec<String>,
    /// Constraint file in the environment; may be repeated (pip, uv)
    #[arg(long, short, value_name = "FILE")]
    constraint: Vec<String>,
    /// Address of the index (pip, uv, npm)
    #[arg(long, value_name = "URL", conflicts_with = "no_index")]
    index: Option<String>,
    /// Use no index, only paths and --find-links (pip, uv, npm)
    #[arg(long)]
    no_index: bool,
    /// Directory in the environment, or address, with archives of packages; may be repeated (pip,
    /// uv)
    #[arg(long, short, value_name = "PLACE")]
    find_links: Vec<String>,
    /// Require a digest for every package (pip, uv)
    #[arg(long)]
    require_hashes: bool,
    /// Timeout of the installation [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    timeout: Option<Duration>,
}

/// Install packages
///
/// A path is a path in the environment, and begins with / or ./; `isolate cp` copies files in. The
/// caller's configuration of the package manager has no effect. Use the environment variable
/// ISOLATE_PACKAGE_INDEX for an index that needs credentials.
#[derive(Debug, Args)]
pub(super) struct Install {
    #[command(flatten)]
    options: InstallOptions,
    /// Replace installed packages by newer ones
    #[arg(long, short = 'U')]
    upgrade: bool,
}

impl Install {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let options = InstallPackages {
            upgrade: self.upgrade,
            ..self.options.packages()?
        };
        let installing = async {
            let environment = self.options.of.open(session).await?;
            let packages = environment.packages(self.options.of.manager);
            report(&packages.install(options).await?, console);
            Ok(exit_code::SUCCESS)
        };
        signals::interruptible(console, PARTLY, installing).await
    }
}

/// Reports the virtual environment that contains the packages, if the interpreter's own directory
/// does not.
pub(super) fn report(done: &Installation, console: Console) {
    if let Some(environment) = &done.virtual_environment {
        console.note(&format!(
            "the Python of this environment belongs to its distribution; the packages are in \
             {environment}: run {environment}/bin/python"
        ));
    }
}

impl InstallOptions {
    pub(super) fn of(&self) -> &Of {
        &self.of
    }

    /// The options as a value of the library.
    pub(super) fn packages(&self) -> Result<InstallPackages, CliError> {
        let index = index(self.index.as_deref(), self.no_index)?;
        Ok(InstallPackages {
            names: self.names.clone(),
            requirements: self.requirement.clone(),
            constraints: self.constraint.clone(),
            index,
            find_links: self.find_links.clone(),
            upgrade: false,
            require_hashes: self.require_hashes,
            timeout: self.timeout,
        })
    }
}

/// The index that the options and the environment variable name.
pub(crate) fn index(address: Option<&str>, none: bool) -> Result<PackageIndex, CliError> {
    match (address, none) {
        (Some(index), _) if has_credentials(index) => {
            let why = "every user can read the credentials of this address in the list of processes";
            Err(CliError::new(why).hint(format!("set the environment variable {INDEX} instead")))
        }
        (Some(index), _) => Ok(PackageIndex::Address(index.to_owned())),
        (None, true) => Ok(PackageIndex::None),
        (None, false) => Ok(match std::env::var(INDEX) {
            Ok(index) if !index.is_empty() => PackageIndex::Address(index),
            _ => PackageIndex::Public,
        }),
    }
}

fn has_credentials(address: &str) -> bool {
    let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
    authority
        .split('/')
        .next()
        .is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_before_the_path() {
        assert!(has_credentials("https://me:secret@pypi.example/simple"));
        assert!(!has_credentials("https://pypi.example/simple/@scope"));
    }
}
