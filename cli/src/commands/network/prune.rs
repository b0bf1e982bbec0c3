//! `isolate network prune`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove every kept network without containers
///
/// A network with an owner is removed by the owner, or by `isolate gc` if the owner was killed.
#[derive(Debug, Args)]
pub(super) struct Prune {}

impl Prune {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let pruned = session.docker()?.networks().prune().await?;
        match console.json {
            true => console.value(&pruned)?,
            false => console.text(
                &pruned
                    .iter()
                    .map(|one| format!("{}\n", one.name))
                    .collect::<String>(),
            )?,
        }
        Ok(exit_code::SUCCESS)
    }
}
