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

    /// Counts an entry with this many bytes.
    pub(crate) fn entry(&mut self, bytes: u64) {
        self.now.entries += 1;
        self.now.bytes += bytes;
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
