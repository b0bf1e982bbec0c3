//! `isolate volume`: volumes of the Docker daemon.

mod create;
mod export;
mod import;
mod inspect;
mod ls;
mod prune;
mod rm;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Manage volumes (engine docker only)
///
/// Only volumes that `isolate volume create` or a program with this library has created are listed
/// and removed. `isolate run --volume NAME:/path` mounts one.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Volume {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ls(ls::Ls),
    Inspect(inspect::Inspect),
    Create(create::Create),
    Rm(rm::Rm),
    Export(export::Export),
    Import(import::Import),
    Prune(prune::Prune),
}

impl Volume {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        match &self.command {
            Command::Ls(ls) => ls.run(session, console).await,
            Command::Inspect(inspect) => inspect.run(session, console).await,
            Command::Create(create) => create.run(session, console).await,
            Command::Rm(rm) => rm.run(session, console).await,
            Command::Export(export) => export.run(session, console).await,
            Command::Import(import) => import.run(session, console).await,
            Command::Prune(prune) => prune.run(session, console).await,
        }
    }
}
