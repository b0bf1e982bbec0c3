//! The commands, one file or folder each.

pub(crate) mod api;
pub(crate) mod doctor;
pub(crate) mod engines;
pub(crate) mod fixtures;
pub(crate) mod run;
pub(crate) mod stop;

use crate::args::{Cli, Command};
use crate::client::Client;
use crate::console::Console;
use crate::failure::Failure;

/// Does what the command line says; the exit code, or why there is none.
pub(crate) async fn perform(cli: Cli, console: Console) -> Result<u8, Failure> {
    let global = &cli.global;
    if let Command::Run(run) = &cli.command {
        run.check(global)?;
    }
    if let Command::Fixtures(fixtures) = &cli.command {
        fixtures.check(global)?;
    }
    let client = Client::open(global).await?;
    let outcome = match &cli.command {
        Command::Run(run) => Box::pin(run.perform(global, &client, console)).await,
        Command::Doctor(doctor) => Box::pin(doctor.perform(global, &client, console)).await,
        Command::Engines(engines) => Box::pin(engines.perform(&client, console)).await,
        Command::Api(api) => Box::pin(api.perform(&client, console)).await,
        Command::Fixtures(fixtures) => Box::pin(fixtures.perform(global, console)).await,
    };
    let closed = client.close().await;
    match (outcome, closed) {
        (Ok(code), Ok(())) => Ok(code),
        (Ok(_), Err(failure)) => Err(failure),
        // What went wrong first explains the rest: a replay that misses a request is left over, too.
        (Err(failure), closed) => {
            if let (Err(late), true) = (closed, global.record.is_some()) {
                console.failure(&late);
            }
            Err(failure)
        }
    }
}
