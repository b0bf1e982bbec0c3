//! `isolate snapshot import`.

use std::path::PathBuf;

use clap::Args;
use isolation::snapshots::SnapshotStore;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Read a snapshot that `isolate snapshot export` wrote, and print its ID
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file; by default standard input
    #[arg(value_name = "FILE")]
    archive: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let snapshot = match &self.archive {
            None => store.import(std::io::stdin().lock())?,
            Some(path) => {
                let file = std::fs::File::open(path).map_err(|error| {
                    CliError::new(format!("cannot read {}", path.display())).because(&error)
                })?;
                store.import(std::io::BufReader::new(file))?
            }
        };
        match console.json {
            true => console.value(&snapshot)?,
            false => console.text(&format!("{}\n", snapshot.id.short()))?,
        }
        Ok(exit_code::SUCCESS)
    }
}
