//! `isolate snapshot rm`.

use clap::Args;
use isolation::snapshots::SnapshotStore;
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Remove snapshots, also damaged ones; `isolate snapshot gc` frees the space
#[derive(Debug, Args)]
pub(super) struct Rm {
    /// Names or IDs of snapshots; unique beginnings of IDs are enough
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
}

impl Rm {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let mut code = exit_code::SUCCESS;
        for reference in &self.snapshots {
            let removed = store
                .id_of(reference)
                .and_then(|id| store.remove(&id).map(|()| id));
            match removed.map_err(|error| error.during("remove the snapshot", reference)) {
                Ok(id) if console.json => console.value(&json!({ "id": id }))?,
                Ok(_) => console.text(&format!("{reference}\n"))?,
                Err(error) => {
                    code = exit_code::FAILED;
                    console.error(&error.into());
                }
            }
        }
        Ok(code)
    }
}
