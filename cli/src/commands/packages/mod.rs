//! `isolate packages`: the packages of an environment.

mod install;
mod list;
mod uninstall;

use clap::{Args, Subcommand};
use isolation::packages::PackageManager;

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// List, install and uninstall packages of an environment
#[derive(Debug, Args)]
pub(crate) struct Packages {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Install(install::Install),
    Uninstall(uninstall::Uninstall),
}

/// The environment, and its package manager.
#[derive(Debug, Args)]
struct Of {
    /// Package manager: pip, apt, apk or npm
    #[arg(long, value_name = "MANAGER", default_value = "pip")]
    manager: PackageManager,
    /// Name or ID of the environment; a unique beginning of an ID is enough
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
}

impl Packages {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        match &self.command {
            Command::List(list) => list.run(session, console).await,
            Command::Install(install) => install.run(session).await,
            Command::Uninstall(uninstall) => uninstall.run(session).await,
        }
    }
}
