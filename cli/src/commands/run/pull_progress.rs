//! Shows the progress of an image pull.

use indicatif::{ProgressBar, ProgressStyle};
use isolation::engines::docker::PullProgress;
use serde_json::{Value, json};

use crate::console::Console;
use crate::escape;

/// Displays a pull: a progress bar on a terminal, otherwise a line for each finished layer.
pub(super) struct PullDisplay {
    console: Console,
    bar: Option<ProgressBar>,
    last: PullProgress,
}

impl PullDisplay {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            bar: None,
            last: PullProgress::default(),
        }
    }

    /// Displays the progress; returns it as a JSON event.
    pub(super) fn update(&mut self, progress: &PullProgress) -> Value {
        if self.console.shows_progress() {
            self.draw(progress);
        } else if let Some(text) = message(&self.last, progress) {
            self.console.note(&text);
        }
        self.last = progress.clone();
        event(progress)
    }

    fn draw(&mut self, progress: &PullProgress) {
        let bar = self.bar.get_or_insert_with(|| bar(&progress.image));
        bar.set_length(progress.total);
        bar.set_position(progress.downloaded);
        if progress.done {
            bar.finish_and_clear();
        }
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
fn message(last: &PullProgress, now: &PullProgress) -> Option<String> {
    let image = &now.image;
    if now.done {
        Some(format!("pulled the image {image}"))
    } else if last.image != now.image || last.done {
        Some(format!("pulling the image {image}"))
    } else if now.layers_done > last.layers_done {
        Some(format!("{image}: {} of {} layers", now.layers_done, now.layers))
    } else {
        None
    }
}

fn event(progress: &PullProgress) -> Value {
    json!({
        "type": "pull", "image": progress.image, "status": progress.status, "done": progress.done,
        "downloaded": progress.downloaded, "total": progress.total,
        "layers_done": progress.layers_done, "layers": progress.layers,
    })
}

/// The template of the bar.
const TEMPLATE: &str = "pulling {msg} [{bar:40}] {bytes}/{total_bytes}";

fn bar(image: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(escape::line(image).into_owned());
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
        progress.image = "app".into();
        (progress.layers_done, progress.layers, progress.done) = (layers_done, 3, done);
        progress
    }

    #[test]
    fn message_is_printed_per_layer_not_per_byte() {
        let none = PullProgress::default();
        assert_eq!(
            message(&none, &progress(0, false)).unwrap(),
            "pulling the image app"
        );
        assert_eq!(message(&progress(0, false), &progress(0, false)), None);
        assert_eq!(
            message(&progress(0, false), &progress(2, false)).unwrap(),
            "app: 2 of 3 layers"
        );
        assert_eq!(
            message(&progress(2, false), &progress(3, true)).unwrap(),
            "pulled the image app"
        );
    }

    #[test]
    fn bar_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
