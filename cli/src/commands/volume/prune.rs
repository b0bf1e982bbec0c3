//! `isolate volume prune`.

use clap::Args;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::session::Session;

/// Remove every kept volume without a given name that no container uses
///
/// A volume with an owner is removed by the owner, or by `isolate gc` if the owner was killed.
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Also remove volumes with a given name, of every user
    #[arg(short, long)]
    all: bool,
}

impl Prune {
    pub(super) async fn run(&self, session: &Session, console: Console) -> Result<u8, CliError> {
        let engine = session.docker()?;
        let pruned = match self.all {
            true => engine.volumes().prune_all().await?,
            false => engine.volumes().prune().await?,
        };
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
