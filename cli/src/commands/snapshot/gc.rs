//! `isolate snapshot gc`.

use clap::Args;
use indicatif::HumanBytes;
use isolation::counted;
use isolation::snapshots::SnapshotStore;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Remove content that no snapshot needs, and temporary files of killed processes
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
            console.warning(&format!("{} is damaged and was not removed", path.display()));
        }
        console.text(&format!(
            "{} removed, {} freed\n",
            counted(collected.removed, "file", "files"),
            HumanBytes(collected.freed)
        ))?;
        Ok(exit_code::SUCCESS)
    }
}
