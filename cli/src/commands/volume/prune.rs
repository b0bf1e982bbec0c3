//! `isolate volume prune`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove every kept volume that no container uses
///
/// A volume with an owner is removed by its owner, or by `isolate gc` if that was killed.
#[derive(Debug, Args)]
pub(super) struct Prune {}

impl Prune {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let pruned = session.docker()?.volumes().prune().await?;
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
