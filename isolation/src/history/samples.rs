//! Samples of metrics over the whole lifetime of an environment.

use crate::metrics::MetricsSample;

/// The maximum number of samples.
const MOST: usize = 1024;

/// The samples. When there are too many, every second sample of the older half is dropped. So they
/// always cover the whole lifetime, with more samples of the recent past.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<MetricsSample>);

impl Samples {
    pub(super) fn add(&mut self, sample: &mut MetricsSample) {
        if let Some(last) = self.0.last() {
            sample.memory_peak = sample.memory_peak.max(last.memory_peak);
        }
        if self.0.len() == MOST {
            let mut index = 0;
            self.0.retain(|_| {
                index += 1;
                index > MOST / 2 || index % 2 == 1
            });
        }
        self.0.push(sample.clone());
    }

    pub(super) fn all(&self) -> Vec<MetricsSample> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn samples_cover_the_whole_life() {
        let mut samples = Samples::default();
        for second in 0..100_000 {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            samples.add(&mut MetricsSample {
                memory: second,
                memory_peak: if second == 7 { 999 } else { 0 },
                ..MetricsSample::new(at)
            });
        }
        let all = samples.all();
        assert!(all.len() <= MOST, "{}", all.len());
        assert_eq!((all[0].memory, all[all.len() - 1].memory), (0, 99_999));
        assert!(all.is_sorted_by_key(|one| one.at));
        assert_eq!(all[all.len() - 1].memory_peak, 999);
        let newest = all.iter().rev().take(100);
        assert!(newest.map(|one| one.memory).eq((99_900..100_000).rev()));
    }
}
