//! The progress of a snapshot or a restore.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// How far a snapshot or a restore is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// The part: `root`, or `volume:` and the target of the volume.
    pub part: String,
    /// The number of files, directories and links so far.
    pub entries: u64,
    /// The size of the files so far, in bytes.
    pub bytes: u64,
}

type Call = dyn Fn(&Progress) + Send + Sync;

/// Is called with the [`Progress`] again and again, from any thread. It must not block.
#[derive(Clone, Default)]
pub struct OnProgress(Option<Arc<Call>>);

impl OnProgress {
    /// Calls this function.
    pub fn new(call: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnProgress" } else { "None" })
    }
}

/// After how many entries or bytes the progress is reported.
const ENTRIES: u64 = 200;
const BYTES: u64 = 8 << 20;

/// Counts, and reports now and then.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    call: OnProgress,
    now: Progress,
    reported: (u64, u64),
}

impl Reporter {
    pub(super) fn new(call: &OnProgress, part: String) -> Self {
        let now = Progress {
            part,
            ..Progress::default()
        };
        let reporter = Self {
            call: call.clone(),
            now,
            reported: (0, 0),
        };
        reporter.report();
        reporter
    }

    /// From now on it counts from zero: what was counted is read again.
    pub(crate) fn begin_anew(&mut self) {
        (self.now.entries, self.now.bytes, self.reported) = (0, 0, (0, 0));
    }

    /// Counts an entry, whose bytes are counted already.
    pub(crate) fn entry(&mut self) {
        self.now.entries += 1;
        self.report_if_due();
    }

    /// Counts bytes of a file, whose end may be far.
    pub(crate) fn bytes(&mut self, bytes: u64) {
        self.now.bytes += bytes;
        self.report_if_due();
    }

    fn report_if_due(&mut self) {
        let (entries, reported) = self.reported;
        if self.now.entries - entries >= ENTRIES || self.now.bytes - reported >= BYTES {
            self.reported = (self.now.entries, self.now.bytes);
            self.report();
        }
    }

    /// Reports the end of the part.
    pub(super) fn end(&self) {
        self.report();
    }

    fn report(&self) {
        if let Some(call) = &self.call.0 {
            call(&self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn bytes_of_a_large_file_are_reported_before_its_end() {
        let seen: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
        let calls = Arc::clone(&seen);
        let call = OnProgress::new(move |now| calls.lock().unwrap().push((now.entries, now.bytes)));
        let mut reporter = Reporter::new(&call, "root".into());
        for _ in 0..3 {
            reporter.bytes(BYTES / 2);
        }
        reporter.entry();
        reporter.end();
        // The same bytes are read again: they count once.
        reporter.begin_anew();
        reporter.bytes(5);
        reporter.entry();
        reporter.end();
        let expected = [(0, 0), (0, BYTES), (1, BYTES / 2 * 3), (1, 5)];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}
