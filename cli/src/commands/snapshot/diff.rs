//! `isolate snapshot diff`.

use std::fmt::Write;

use clap::Args;
use isolation::snapshots::{Change, SnapshotDifference, SnapshotStore};
use serde_json::Value;

use crate::console::Console;
use crate::error::CliError;
use crate::exit_code;

/// Show the differences between two snapshots: files, packages, configuration
///
/// A line of a file begins with A (added), D (removed), C (content) or M (mode, owner or time).
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// Name or ID of the first snapshot
    #[arg(value_name = "SNAPSHOT")]
    before: String,
    /// Name or ID of the second snapshot
    #[arg(value_name = "SNAPSHOT")]
    after: String,
}

impl Diff {
    pub(super) async fn run(&self, store: &SnapshotStore, console: Console) -> Result<u8, CliError> {
        let (before, after) = (store.find(&self.before)?, store.find(&self.after)?);
        let difference = store.diff(&before, &after).await?;
        match console.json {
            true => console.value(&difference)?,
            false => console.text(&text(&difference))?,
        }
        Ok(exit_code::SUCCESS)
    }
}

/// Writing to a string cannot fail.
fn text(difference: &SnapshotDifference) -> String {
    let mut text = String::new();
    for file in &difference.files {
        let letter = match file.change {
            Change::Added => 'A',
            Change::Removed => 'D',
            Change::Content => 'C',
            Change::Attributes => 'M',
        };
        let _ = match file.part.as_str() {
            "root" => writeln!(text, "{letter} {}", file.path),
            part => writeln!(text, "{letter} {part} {}", file.path),
        };
    }
    for (manager, changes) in &difference.packages {
        for change in changes {
            let _ = writeln!(text, "{manager} {change}");
        }
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    for change in &difference.configuration {
        let _ = writeln!(
            text,
            "{}: {} -> {}",
            change.field,
            shown(&change.before),
            shown(&change.after)
        );
    }
    text
}
