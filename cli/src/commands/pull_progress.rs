//! Shows the progress of a pull or push of an image.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use isolation::{PullProgress, counted};
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::CliError;
use crate::escape;

/// The action on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transfer {
    Pull,
    Push,
}

impl Transfer {
    /// The name of its events.
    fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// Displays a pull or push: a progress bar on a terminal, otherwise a line for each finished layer.
pub(super) struct PullDisplay {
    console: Console,
    transfer: Transfer,
    bar: Option<ProgressBar>,
    /// The progress at the last update; `None` before the first one.
    last: Option<PullProgress>,
    /// Why an event could not be printed.
    failed: Option<CliError>,
}

impl PullDisplay {
    pub(super) fn new(console: Console, transfer: Transfer) -> Self {
        Self {
            console,
            transfer,
            bar: None,
            last: None,
            failed: None,
        }
    }

    /// Displays the progress; returns it as a JSON event.
    pub(super) fn update(&mut self, image: &str, progress: &PullProgress) -> Value {
        if self.console.shows_progress() {
            self.draw(image, progress);
        } else if let Some(text) = message(self.transfer, image, self.last.as_ref(), progress) {
            self.console.note(&text);
        }
        self.last = Some(progress.clone());
        event(self.transfer, image, progress)
    }

    /// Displays the progress, and prints the event if results are JSON.
    pub(super) fn show(&mut self, image: &str, progress: &PullProgress) {
        let event = self.update(image, progress);
        if self.console.json && self.failed.is_none() {
            self.failed = self.console.value(&event).err();
        }
    }

    /// Ends the display; the error is that of an event that could not be printed.
    pub(super) fn end(mut self) -> Result<(), CliError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Whether an image is being pulled.
    pub(super) fn is_pulling(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.done)
    }

    fn draw(&mut self, image: &str, progress: &PullProgress) {
        if progress.done {
            // Each image has its own bar.
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar(self.transfer, image));
        bar.set_prefix(detail(self.transfer, progress));
        bar.set_position(progress.percent.into());
    }
}

impl Drop for PullDisplay {
    /// Removes the bar. A bar that stays on the screen would look like a running pull.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A message for an important change.
fn message(
    transfer: Transfer,
    image: &str,
    last: Option<&PullProgress>,
    now: &PullProgress,
) -> Option<String> {
    let name = transfer.name();
    match last {
        _ if now.done => Some(format!("{name}ed the image {image}")),
        None => Some(format!("{name}ing the image {image}")),
        Some(last) if last.done => Some(format!("{name}ing the image {image}")),
        Some(last) if now.layers_done > last.layers_done => Some(format!("{image}: {}", layers(now))),
        Some(_) => None,
    }
}

/// The text beside the bar: bytes, or layers if the daemon reports no bytes.
fn detail(transfer: Transfer, progress: &PullProgress) -> String {
    match (progress.downloaded, transfer) {
        (0, _) => layers(progress),
        (bytes, Transfer::Pull) => format!("{} downloaded", HumanBytes(bytes)),
        (bytes, Transfer::Push) => format!("{} sent", HumanBytes(bytes)),
    }
}

fn layers(progress: &PullProgress) -> String {
    let all = counted(progress.layers, "layer", "layers");
    format!("{} of {all}", progress.layers_done)
}

fn event(transfer: Transfer, image: &str, progress: &PullProgress) -> Value {
    json!({
        "type": transfer.name(), "image": image, "status": progress.status, "done": progress.done,
        "percent": progress.percent, "downloaded": progress.downloaded, "total": progress.total,
        "layers_done": progress.layers_done, "layers": progress.layers,
    })
}

/// The template of the bar.
const TEMPLATE: &str = "{msg} [{bar:40}] {percent}% {prefix}";

fn bar(transfer: Transfer, image: &str) -> ProgressBar {
    let text = format!("{}ing {}", transfer.name(), escape::line(image));
    let bar = ProgressBar::new(100).with_message(text);
    // A test checks that the template is valid; this avoids a panic all the same.
    match ProgressStyle::with_template(TEMPLATE) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(layers_done: usize, done: bool) -> PullProgress {
        let mut progress = PullProgress::default();
        (progress.layers_done, progress.layers, progress.done) = (layers_done, 3, done);
        progress
    }

    #[test]
    fn message_is_printed_per_layer_not_per_byte() {
        let begun = progress(0, false);
        let message = |last, now: &PullProgress| message(Transfer::Pull, "app", last, now);
        assert_eq!(message(None, &begun).unwrap(), "pulling the image app");
        assert_eq!(message(Some(&begun), &begun), None);
        assert_eq!(
            message(Some(&begun), &progress(2, false)).unwrap(),
            "app: 2 of 3 layers"
        );
        assert_eq!(
            message(Some(&begun), &progress(3, true)).unwrap(),
            "pulled the image app"
        );
        assert_eq!(
            message(Some(&progress(3, true)), &begun).unwrap(),
            "pulling the image app"
        );
    }

    #[test]
    fn bar_shows_bytes_or_layers() {
        let mut now = progress(1, false);
        assert_eq!(detail(Transfer::Pull, &now), "1 of 3 layers");
        now.downloaded = 3 << 19;
        assert_eq!(detail(Transfer::Pull, &now), "1.50 MiB downloaded");
        assert_eq!(detail(Transfer::Push, &now), "1.50 MiB sent");
    }

    #[test]
    fn bar_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
