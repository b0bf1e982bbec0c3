//! Shows how far the pull of an image is.

use indicatif::{ProgressBar, ProgressStyle};
use isolation::engines::docker::PullProgress;
use serde_json::{Value, json};

use crate::console::Console;

/// What people see of a pull: a bar on a terminal, else a line whenever a layer is done.
pub(super) struct Shown {
    console: Console,
    bar: Option<ProgressBar>,
    last: PullProgress,
}

impl Shown {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            bar: None,
            last: PullProgress::default(),
        }
    }

    /// Shows a step; what programs get of it.
    pub(super) fn take(&mut self, progress: &PullProgress) -> Value {
        if self.console.draws() {
            self.draw(progress);
        } else if let Some(text) = step(&self.last, progress) {
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

impl Drop for Shown {
    /// A bar that stays on the screen would say that something is still going on.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line where something has changed that is worth one.
fn step(last: &PullProgress, now: &PullProgress) -> Option<String> {
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

/// The look of the bar.
const TEMPLATE: &str = "pulling {msg} [{bar:40}] {bytes}/{total_bytes}";

fn bar(image: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(image.to_owned());
    // A template that cannot be read would be a mistake of ours; a plain bar is better than none.
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
    fn a_line_comes_where_a_layer_is_done_and_not_for_every_count() {
        let none = PullProgress::default();
        assert_eq!(step(&none, &progress(0, false)).unwrap(), "pulling the image app");
        assert_eq!(step(&progress(0, false), &progress(0, false)), None);
        assert_eq!(
            step(&progress(0, false), &progress(2, false)).unwrap(),
            "app: 2 of 3 layers"
        );
        assert_eq!(
            step(&progress(2, false), &progress(3, true)).unwrap(),
            "pulled the image app"
        );
    }

    #[test]
    fn the_bar_has_a_look_that_can_be_read() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
