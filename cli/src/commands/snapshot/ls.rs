//! `isolate snapshot ls`.

use clap::Args;
use engine_api::common::Timestamp;
use indicatif::HumanBytes;
use isolation::snapshots::{Snapshot, SnapshotStore};
use serde_json::json;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;
use crate::table::table;

/// List the snapshots, oldest first, and the size of the store
#[derive(Debug, Args)]
pub(super) struct Ls {}

impl Ls {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let list = store.list()?;
        let usage = store.usage()?;
        if console.json {
            console.value(&json!({ "store": store.path(), "usage": usage, "list": list }))?;
            return Ok(exit_code::SUCCESS);
        }
        if console.quiet {
            let ids = list.snapshots.iter().map(|one| one.id.short() + "\n");
            console.text(&ids.collect::<String>())?;
        } else {
            let rows: Vec<_> = list.snapshots.iter().map(row).collect();
            let head = ["ID", "NAME", "CREATED", "ENGINE", "ENVIRONMENT", "PARENT", "SIZE"];
            console.text(&table(head, &rows))?;
        }
        for (id, error) in &list.damaged {
            console.warning(&format!("the snapshot {} cannot be used: {error}", id.short()));
        }
        console.detail(&format!(
            "{} in {}, for {} of files",
            HumanBytes(usage.bytes),
            store.path().display(),
            HumanBytes(usage.files)
        ));
        Ok(exit_code::SUCCESS)
    }
}

fn row(snapshot: &Snapshot) -> [String; 7] {
    let manifest = &snapshot.manifest;
    let mut created = Timestamp::from(manifest.created).to_rfc3339();
    // Seconds are enough for people.
    created.truncate(19);
    [
        snapshot.id.short(),
        manifest.name.clone().unwrap_or_default(),
        created + "Z",
        manifest.engine.clone(),
        manifest.environment_name.clone(),
        manifest
            .parent
            .map_or_else(|| "-".to_owned(), |parent| parent.short()),
        HumanBytes(manifest.size()).to_string(),
    ]
}
