//! Shows the progress of an image pull.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use isolation::PullProgress;
use serde_json::{Value, json};

use crate::console::Console;
use crate::escape;

/// Displays a pull: a progress bar on a terminal, otherwise a line for each finished layer.
pub(super) struct PullDisplay {
    console: Console,
    bar: Option<ProgressBar>,
    /// The progress at the last update; `None` before the first one.
    last: Option<PullProgress>,
}

impl PullDisplay {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            bar: None,
            last: None,
        }
    }

    /// Displays the progress; returns it as a JSON event.
    pub(super) fn update(&mut self, image: &str, progress: &PullProgress) -> Value {
        if self.console.shows_progress() {
            self.draw(image, progress);
        } else if let Some(text) = message(image, self.last.as_ref(), progress) {
            self.console.note(&text);
        }
        self.last = Some(progress.clone());
        event(image, progress)
    }

    /// Whether an image is being pulled.
    pub(super) fn is_pulling(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.done)
    }

    fn draw(&mut self, image: &str, progress: &PullProgress) {
        if progress.done {
            // Another image gets a bar of its own.
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| bar(image));
        bar.set_prefix(detail(progress));
        bar.set_position(progress.percent.into());
    }
}

impl Drop for PullDisplay {
    /// Removes the bar: left on the screen, it would look like a pull that still runs.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A message for a change that is worth one.
fn message(image: &str, last: Option<&PullProgress>, now: &PullProgress) -> Option<String> {
    match last {
        _ if now.done => Some(format!("pulled the image {image}")),
        None => Some(format!("pulling the image {image}")),
        Some(last) if last.done => Some(format!("pulling the image {image}")),
        Some(last) if now.layers_done > last.layers_done => {
            Some(format!("{image}: {} of {} layers", now.layers_done, now.layers))
        }
        Some(_) => None,
    }
}

/// What the bar does not show: bytes, or layers if the daemon reports no bytes.
fn detail(progress: &PullProgress) -> String {
    match progress.downloaded {
        0 => format!("{} of {} layers", progress.layers_done, progress.layers),
        bytes => format!("{} downloaded", HumanBytes(bytes)),
    }
}

fn event(image: &str, progress: &PullProgress) -> Value {
    json!({
        "type": "pull", "image": image, "status": progress.status, "done": progress.done,
        "percent": progress.percent, "downloaded": progress.downloaded, "total": progress.total,
        "layers_done": progress.layers_done, "layers": progress.layers,
    })
}

/// The template of the bar.
const TEMPLATE: &str = "pulling {msg} [{bar:40}] {percent}% {prefix}";

fn bar(image: &str) -> ProgressBar {
    let bar = ProgressBar::new(100).with_message(escape::line(image).into_owned());
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
        let message = |last, now: &PullProgress| message("app", last, now);
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
        assert_eq!(detail(&now), "1 of 3 layers");
        now.downloaded = 3 << 19;
        assert_eq!(detail(&now), "1.50 MiB downloaded");
    }

    #[test]
    fn bar_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
