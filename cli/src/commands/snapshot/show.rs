//! `isolate snapshot show`.

use std::fmt::Write;

use clap::Args;
use engine_api::common::Timestamp;
use indicatif::HumanBytes;
use isolation::counted;
use isolation::snapshots::{Snapshot, SnapshotStore};

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Show the contents of a snapshot, and what was left out
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Name or ID of the snapshot; a unique beginning of an ID is enough
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
}

impl Show {
    pub(super) fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let snapshot = store.find(&self.snapshot)?;
        match console.json {
            true => console.value(&snapshot)?,
            false => console.text(&text(&snapshot))?,
        }
        Ok(exit_code::SUCCESS)
    }
}

/// Writing to a string cannot fail.
fn text(snapshot: &Snapshot) -> String {
    let manifest = &snapshot.manifest;
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    row("id", &snapshot.id.to_string());
    row("name", manifest.name.as_deref().unwrap_or("-"));
    row("created", &Timestamp::from(manifest.created).to_rfc3339());
    let parent = manifest.parent.map(|parent| parent.short());
    row("parent", parent.as_deref().unwrap_or("-"));
    row(
        "engine",
        &format!("{} ({})", manifest.engine, manifest.engine_detail),
    );
    row("platform", &manifest.platform);
    let environment = format!("{} ({})", manifest.environment_name, manifest.environment);
    row("environment", &environment);
    row("image", manifest.spec.image.as_deref().unwrap_or("-"));
    for (manager, packages) in &manifest.packages {
        row("packages", &format!("{} of {manager}", packages.len()));
    }
    for part in &manifest.parts {
        let entries = counted(part.entries, "entry", "entries");
        let what = format!("{entries}, {}", HumanBytes(part.bytes));
        row("saved", &format!("{}: {what}", part.name));
    }
    for left in &manifest.left_out {
        row("left out", &format!("{} ({})", left.what, left.why));
    }
    text
}
