//! `isolate network`: networks of the Docker daemon for several environments.

mod connect;
mod create;
mod disconnect;
mod inspect;
mod ls;
mod prune;
mod rm;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::error::CliError;
use crate::session::Session;

/// Manage networks for several environments (engine docker only)
///
/// Only networks that `isolate network create` or a program with this library has created are
/// listed and removed. `isolate run --network NAME` joins one.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Network {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ls(ls::Ls),
    Inspect(inspect::Inspect),
    Create(create::Create),
    Rm(rm::Rm),
    Connect(connect::Connect),
    Disconnect(disconnect::Disconnect),
    Prune(prune::Prune),
}

impl Network {
    pub(crate) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        match &self.command {
            Command::Ls(ls) => ls.run(session, console).await,
            Command::Inspect(inspect) => inspect.run(session, console).await,
            Command::Create(create) => create.run(session, console).await,
            Command::Rm(rm) => rm.run(session, console).await,
            Command::Connect(connect) => connect.run(session, console).await,
            Command::Disconnect(disconnect) => disconnect.run(session, console).await,
            Command::Prune(prune) => prune.run(session, console).await,
        }
    }
}
