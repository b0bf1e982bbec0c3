//! The commands, one file or directory each.

mod api;
mod doctor;
mod engines;
mod fixtures;
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
}

/// Runs a command; returns the exit code, or the error.
pub(crate) async fn run(command: &Command, global: &Global, console: Console) -> Result<u8, CliError> {
    if let Command::Run(run) = command {
        run.check(global)?;
    }
    if let Command::Fixtures(fixtures) = command {
        fixtures.check(global)?;
    }
    let client = Client::open(global).await?;
    let outcome = match command {
        Command::Run(run) => Box::pin(run.run(global, &client, console)).await,
        Command::Doctor(doctor) => Box::pin(doctor.run(global, &client, console)).await,
        Command::Engines(engines) => Box::pin(engines.run(&client, console)).await,
        Command::Api(api) => Box::pin(api.run(&client, console)).await,
        Command::Fixtures(fixtures) => Box::pin(fixtures.run(global, console)).await,
    };
    let closed = client.close().await;
    match (outcome, closed) {
        (Ok(code), Ok(())) => Ok(code),
        (Ok(_), Err(error)) => Err(error),
        // The first error explains the second: a replay that misses a request also has exchanges left.
        (Err(first), closed) => {
            if let (Err(second), true) = (closed, global.record.is_some()) {
                console.error(&second);
            }
            Err(first)
        }
    }
}
