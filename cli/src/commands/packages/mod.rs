//! `isolate packages`: the packages of an environment.

mod diff;
mod export;
mod install;
mod list;
mod uninstall;
mod upgrade;

use clap::{Args, Subcommand};
use isolation::Environment;
use isolation::packages::PackageManager;

pub(crate) use install::index;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// List, install, upgrade, uninstall, compare and export packages of an environment
#[derive(Debug, Args)]
pub(crate) struct Packages {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Install(install::Install),
    Upgrade(upgrade::Upgrade),
    Uninstall(uninstall::Uninstall),
    Diff(diff::Diff),
    Export(export::Export),
}

/// The state that an interrupted change of packages leaves.
const PARTLY: &str = "a part of the packages may be changed; `isolate packages list` shows them";

/// The environment, and its package manager.
#[derive(Debug, Args)]
struct Of {
    /// Package manager: pip, uv, apt, apk or npm
    #[arg(long, value_name = "MANAGER", default_value = "pip")]
    manager: PackageManager,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Of {
    async fn open(&self, session: &Session) -> Result<Environment, CliError> {
        Ok(session.manager().open(&self.environment).await?)
    }
}

impl Packages {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        match &self.command {
            Command::List(list) => list.run(session, console).await,
            Command::Install(install) => install.run(session, console).await,
            Command::Upgrade(upgrade) => upgrade.run(session, console).await,
            Command::Diff(diff) => diff.run(session, console).await,
            Command::Export(export) => export.run(session, console).await,
            Command::Uninstall(uninstall) => uninstall.run(session, console).await,
        }
    }
}
