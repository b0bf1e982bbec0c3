//! The progress of a pull or push, summed up over the layers of an image.

use std::collections::BTreeMap;

use engine_api::images::{Progress, ProgressDetail};

use crate::events::PullProgress;

/// Sums up the progress messages of all layers.
#[derive(Default)]
pub(super) struct Tally {
    progress: PullProgress,
    layers: BTreeMap<String, Layer>,
}

#[derive(Default)]
struct Layer {
    downloaded: u64,
    /// Its size in bytes; 0 if the daemon has not reported it.
    total: u64,
    /// How far it is, in thousandths: half of it is the download, half the extraction.
    share: u64,
    done: bool,
    /// Whether the daemon had it before.
    existed: bool,
}

/// The share of a layer after its download.
const DOWNLOADED: u64 = 500;

/// The share of a complete layer.
const COMPLETE: u64 = 1000;

impl Tally {
    pub(super) fn progress(&self) -> &PullProgress {
        &self.progress
    }

    /// Counts a message of the daemon.
    pub(super) fn count(&mut self, line: &Progress) {
        self.progress.status.clone_from(&line.status);
        // The ID of the first message is the tag; the last messages have no ID.
        if !line.id.is_empty() && !line.status.starts_with("Pulling from") {
            let layer = self.layers.entry(line.id.clone()).or_default();
            layer.count(line);
        }
        let sum = |of: fn(&Layer) -> u64| self.layers.values().map(of).fold(0, u64::saturating_add);
        self.progress.downloaded = sum(|layer| layer.downloaded);
        self.progress.total = sum(|layer| layer.total);
        self.progress.layers = self.layers.len();
        self.progress.layers_done = self.layers.values().filter(|layer| layer.done).count();
        self.progress.percent = self.percent().clamp(self.progress.percent, 99);
    }

    /// Marks the pull as complete.
    pub(super) fn complete(&mut self) -> &PullProgress {
        self.progress.done = true;
        self.progress.percent = 100;
        self.progress.status.clear();
        &self.progress
    }

    /// The share of the work that is done. Layers count by their size; one whose size is not known
    /// yet counts as the mean of the others.
    fn percent(&self) -> u8 {
        let new = || self.layers.values().filter(|layer| !layer.existed);
        let known = || new().map(|layer| layer.total).filter(|total| *total > 0);
        let sizes = known().map(u128::from).sum::<u128>();
        let mean = sizes.checked_div(known().count() as u128);
        let weight = |layer: &Layer| match (layer.total, mean) {
            (0, None) => 1,
            // Only layers of a few bytes are complete before the daemon has reported their size.
            (0, Some(_)) if layer.share >= DOWNLOADED => 0,
            (0, Some(mean)) => mean,
            (total, _) => u128::from(total),
        };
        let all: u128 = new().map(weight).sum();
        let done: u128 = new().map(|layer| weight(layer) * u128::from(layer.share)).sum();
        let percent = done.checked_div(all * u128::from(COMPLETE) / 100).unwrap_or(0);
        u8::try_from(percent).unwrap_or(100)
    }
}

impl Layer {
    fn count(&mut self, line: &Progress) {
        let ProgressDetail { current, total, .. } = line.progress_detail;
        let (current, total) = (positive(current), positive(total));
        let before = self.share;
        match line.status.as_str() {
            // A download that failed begins again with 0.
            "Downloading" => {
                self.downloaded = self.downloaded.max(current);
                self.total = self.total.max(total).max(self.downloaded);
                self.share = part(self.downloaded, self.total);
            }
            // A layer that is extracted has been downloaded completely.
            "Verifying Checksum" | "Download complete" => {
                (self.downloaded, self.share) = (self.total, DOWNLOADED);
            }
            "Extracting" => {
                self.downloaded = self.total;
                // Some daemons report seconds in place of bytes, without a total.
                self.share = DOWNLOADED + part(current, total);
            }
            // A push has no second half.
            "Pushing" => {
                self.downloaded = self.downloaded.max(current);
                self.total = self.total.max(total).max(self.downloaded);
                self.share = part(self.downloaded, self.total) * 2;
            }
            "Pull complete" | "Pushed" => {
                (self.downloaded, self.share, self.done) = (self.total, COMPLETE, true);
            }
            "Already exists" | "Layer already exists" => {
                self.existed = self.share == 0;
                (self.downloaded, self.share, self.done) = (self.total, COMPLETE, true);
            }
            _ => {}
        }
        self.share = self.share.max(before);
    }
}

/// The part of one half of a layer that is done, in thousandths of the layer.
fn part(current: u64, total: u64) -> u64 {
    let part = u128::from(current) * u128::from(DOWNLOADED);
    let part = part.checked_div(u128::from(total)).unwrap_or(0);
    u64::try_from(part).unwrap_or(DOWNLOADED).min(DOWNLOADED)
}

fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts lines of `status id current total`, and returns the percentage after each.
    fn percentages(tally: &mut Tally, lines: &str) -> Vec<u8> {
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        let counted = lines.map(|line| {
            let words: Vec<&str> = line.split('|').map(str::trim).collect();
            let number = |n: usize| words.get(n).map_or(0, |word| word.parse::<i64>().unwrap());
            let (current, total) = (number(2), number(3));
            let line = serde_json::json!({
                "status": words[0], "id": words[1],
                "progressDetail": {"current": current, "total": total},
            });
            tally.count(&engine_api::from_json(line.to_string().as_bytes()).unwrap());
            let progress = tally.progress();
            assert!(progress.downloaded <= progress.total, "{progress:?}");
            progress.percent
        });
        counted.collect()
    }

    fn never_back(percentages: &[u8]) {
        assert!(percentages.is_sorted() && percentages.iter().all(|percent| *percent < 100));
    }

    #[test]
    fn sums_are_those_of_the_layers() {
        let mut tally = Tally::default();
        let started = percentages(
            &mut tally,
            "Pulling from library/app | latest
             Pulling fs layer | a
             Already exists | b
             Downloading | a | 10 | 100",
        );
        assert_eq!(started, [0, 0, 0, 5]);
        let progress = tally.progress();
        assert_eq!((progress.downloaded, progress.total), (10, 100));
        assert_eq!((progress.layers, progress.layers_done), (2, 1));
        let ended = percentages(
            &mut tally,
            "Extracting | a | 50 | 100
             Pull complete | a",
        );
        assert_eq!(ended, [75, 99]);
        assert_eq!(
            (tally.progress().downloaded, tally.progress().layers_done),
            (100, 2)
        );
        let complete = tally.complete();
        assert_eq!((complete.percent, complete.done), (100, true));
    }

    // The order of a pull by Docker 28: the smallest layer is complete before the sizes of the
    // others are known.
    #[test]
    fn pull_does_not_start_full() {
        let mut tally = Tally::default();
        let percentages = percentages(
            &mut tally,
            "Already exists | a
             Pulling fs layer | b
             Pulling fs layer | c
             Pulling fs layer | d
             Downloading | d | 87 | 87
             Verifying Checksum | d
             Download complete | d
             Downloading | b | 338776 | 31460290
             Downloading | c | 540672 | 62919971
             Downloading | c | 62919971 | 62919971
             Download complete | b
             Extracting | c | 31459985 | 62919971",
        );
        assert_eq!(percentages, [0, 0, 0, 0, 16, 16, 16, 16, 16, 33, 50, 66]);
        never_back(&percentages);
    }

    // The containerd image store reports no size of a small layer, and extraction in seconds.
    #[test]
    fn extraction_without_a_size_counts_at_its_end() {
        let mut tally = Tally::default();
        let percentages = percentages(
            &mut tally,
            "Pulling fs layer | a
             Pulling fs layer | b
             Download complete | a
             Downloading | b | 50 | 100
             Download complete | b
             Extracting | b | 1 | 0
             Pull complete | b
             Pull complete | a",
        );
        assert_eq!(percentages, [0, 0, 25, 25, 50, 50, 99, 99]);
    }

    // Podman reports no sizes, and layers one after the other.
    #[test]
    fn pull_without_sizes_counts_layers() {
        let mut tally = Tally::default();
        let percentages = percentages(
            &mut tally,
            "Pulling fs layer | a
             Pulling fs layer | b
             Download complete | a
             Pulling fs layer | c
             Download complete | b
             Download complete | c",
        );
        assert_eq!(percentages, [0, 0, 25, 25, 33, 50]);
        never_back(&percentages);
    }

    #[test]
    fn layer_of_a_push_is_complete_when_it_is_sent() {
        let mut tally = Tally::default();
        let percentages = percentages(
            &mut tally,
            "Preparing | a
             Preparing | b
             Layer already exists | b
             Pushing | a | 50 | 100
             Pushing | a | 100 | 100
             Pushed | a",
        );
        assert_eq!(percentages, [0, 0, 0, 50, 99, 99]);
        assert_eq!((tally.progress().layers_done, tally.progress().total), (2, 100));
    }

    #[test]
    fn second_try_does_not_go_backwards() {
        let mut tally = Tally::default();
        let percentages = percentages(
            &mut tally,
            "Downloading | a | 80 | 100
             Pulling fs layer | a
             Downloading | a | 10 | 100
             Downloading | b | 0 | 400
             Downloading | a | 120 | 100
             Downloading | b | -5 | -1
             Already exists | a",
        );
        never_back(&percentages);
        assert_eq!((tally.progress().downloaded, tally.progress().total), (120, 520));
    }
}
