//! Calls the work of a command with its client, or with its manager.

use isolation::engines::docker::PullPolicy;

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::global::Global;
use crate::session::Session;

/// Calls `work` with a client, then writes the recording or checks the replay.
pub(super) async fn with_client(
    global: &Global,
    console: Console,
    work: impl AsyncFnOnce(&Client) -> Result<u8, CliError>,
) -> Result<u8, CliError> {
    let client = Client::open(global).await?;
    let outcome = work(&client).await;
    client.close(outcome, console).await
}

/// Rejects a recorder and a player for a command that changes files of this machine.
pub(super) fn changes_this_machine(global: &Global) -> Result<(), CliError> {
    match global.record.is_some() || global.replay.is_some() {
        true => {
            let error = CliError::new("credentials cannot be stored or erased in a recording");
            Err(error.hint("omit --record and --replay"))
        }
        false => Ok(()),
    }
}

/// Calls `work` with the manager of one command.
pub(super) async fn with_session(
    global: &Global,
    console: Console,
    work: impl AsyncFnOnce(&Session) -> Result<u8, CliError>,
) -> Result<u8, CliError> {
    let with_manager =
        async |client: &Client| Session::with(global, client, PullPolicy::default(), work).await;
    with_client(global, console, with_manager).await
}
