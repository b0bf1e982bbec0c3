//! `isolate snapshot gc`.

use clap::Args;
use indicatif::HumanBytes;
use isolation::snapshots::SnapshotStore;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Remove what no snapshot needs, and what killed processes have left
#[derive(Debug, Args)]
pub(super) struct Gc {}

impl Gc {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let collected = store.gc()?;
        if console.json {
            console.value(&collected)?;
            return Ok(exit_code::SUCCESS);
        }
        for path in &collected.damaged {
            console.warning(&format!("{} is damaged and was left", path.display()));
        }
        console.text(&format!(
            "{} files removed, {} free again\n",
            collected.removed,
            HumanBytes(collected.freed)
        ))?;
        Ok(exit_code::SUCCESS)
    }
}
