//! `isolate snapshot export`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use isolation::snapshots::SnapshotStore;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Write a snapshot as one file, which `isolate snapshot import` reads on another machine
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Write to this file, which must not exist, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the file system of a container's snapshot as an image with this name, in the OCI
    /// layout, which `docker load` reads; volumes are not in it
    #[arg(long, value_name = "IMAGE")]
    oci: Option<String>,
    /// Name or ID of the snapshot; a unique beginning of an ID is enough
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
}

impl Export {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let snapshot = store.find(&self.snapshot)?;
        match (&self.output, &self.oci) {
            (Some(path), Some(name)) => {
                store.export_image_to(&snapshot, name, path)?;
                if console.json {
                    console.value(&json!({ "file": path, "id": snapshot.id, "image": name }))?;
                }
            }
            (Some(path), None) => {
                let chunks = store.export_to(&snapshot, path)?;
                if console.json {
                    console.value(&json!({ "file": path, "id": snapshot.id, "chunks": chunks }))?;
                }
            }
            (None, _) if std::io::stdout().is_terminal() => {
                let text =
                    "an archive is not written to a terminal; redirect the output, or use --output FILE";
                return Err(CliError::new(text));
            }
            (None, Some(name)) => store.export_image(&snapshot, name, std::io::stdout().lock())?,
            (None, None) => drop(store.export(&snapshot, std::io::stdout().lock())?),
        }
        Ok(exit_code::SUCCESS)
    }
}
