//! Shows the progress of a snapshot or a restore.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{HumanBytes, ProgressBar};
use isolation::counted;
use isolation::snapshots::{OnProgress, Progress};
use serde_json::json;

use crate::console::Console;
use crate::escape;

/// Shows the progress of a snapshot or a restore: a line on a terminal, events with `--json`.
pub(crate) struct Shown {
    bar: Option<ProgressBar>,
}

impl Shown {
    /// The display, and the function to call with the progress.
    pub(crate) fn new(console: Console, name: &'static str) -> (Self, OnProgress) {
        if console.json {
            let last = Mutex::new(None);
            let call = move |progress: &Progress| {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.as_ref() != Some(progress) {
                    // The result that follows reports a closed pipe.
                    let _ = console.value(&json!({ "type": name, "progress": progress }));
                    *last = Some(progress.clone());
                }
            };
            return (Self { bar: None }, OnProgress::new(call));
        }
        if !console.shows_progress() {
            return (Self { bar: None }, OnProgress::default());
        }
        let bar = ProgressBar::new_spinner();
        let shown = Arc::new(bar.clone());
        let call = move |progress: &Progress| {
            let (part, bytes) = (escape::line(&progress.part), HumanBytes(progress.bytes));
            let entries = counted(progress.entries, "entry", "entries");
            shown.set_message(format!("{part}: {entries}, {bytes}"));
            shown.tick();
        };
        (Self { bar: Some(bar) }, OnProgress::new(call))
    }
}

impl Drop for Shown {
    /// Removes the line. A line that stays on the screen would look like running work.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
