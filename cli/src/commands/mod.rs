//! The commands, one file or directory each.

mod api;
mod completions;
mod doctor;
mod engines;
mod fixtures;
mod man;
mod run;

use clap::Subcommand;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<run::Run>),
    Doctor(doctor::Doctor),
    Engines(engines::Engines),
    Api(api::Api),
    Fixtures(fixtures::Fixtures),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs a command; returns the exit code, or the error. `cli` is the definition of the whole
/// command line, from which completions and manual pages are generated.
pub(crate) async fn run(
    command: &Command,
    global: &Global,
    cli: clap::Command,
    console: Console,
) -> Result<u8, CliError> {
    match command {
        Command::Run(run) => {
            run.check(global)?;
            let work = async |client: &Client| Box::pin(run.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Doctor(doctor) => {
            let work = async |client: &Client| Box::pin(doctor.run(global, client, console)).await;
            with_client(global, console, work).await
        }
        Command::Engines(engines) => {
            let work = async |client: &Client| Box::pin(engines.run(client, console)).await;
            with_client(global, console, work).await
        }
        Command::Api(api) => {
            let work = async |client: &Client| Box::pin(api.run(client, console)).await;
            with_client(global, console, work).await
        }
        Command::Fixtures(fixtures) => Box::pin(fixtures.run(global, console)).await,
        Command::Completions(completions) => completions.run(cli, console),
        Command::Man(man) => man.run(cli, console),
    }
}

/// Runs `work` with a client, then writes the recording or checks the replay.
async fn with_client(
    global: &Global,
    console: Console,
    work: impl AsyncFnOnce(&Client) -> Result<u8, CliError>,
) -> Result<u8, CliError> {
    let client = Client::open(global).await?;
    let outcome = work(&client).await;
    client.close(outcome, console).await
}
