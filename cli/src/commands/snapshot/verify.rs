//! `isolate snapshot verify`.

use clap::Args;
use indicatif::HumanBytes;
use isolation::counted;
use isolation::snapshots::SnapshotStore;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Read every byte of snapshots, and compare it with its digest
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Names or IDs of snapshots; unique beginnings of IDs are enough
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
}

impl Verify {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for reference in &self.snapshots {
            let verified = store.find(reference).and_then(|snapshot| store.verify(&snapshot));
            match verified {
                Ok(verified) if console.json => {
                    console.value(&json!({ "snapshot": reference, "verified": verified }))?;
                }
                Ok(verified) => console.text(&format!(
                    "{reference}: {}, {}\n",
                    counted(verified.entries, "entry", "entries"),
                    HumanBytes(verified.bytes)
                ))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }
}
