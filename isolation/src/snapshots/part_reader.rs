//! For authors of engines: the files of a part of a snapshot.

use std::io::Read;
use std::sync::Arc;

use super::entry::Entry;
use super::manifest::Part;
use super::progress::{OnProgress, Reporter};
use super::store::Session;
use super::store::writer::{from_reader, to_writer};
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};

/// The files of one part of a snapshot. Its calls block.
#[derive(Debug, Clone)]
pub struct PartReader {
    session: Arc<Session>,
    part: Part,
    progress: OnProgress,
}

impl PartReader {
    pub(super) fn new(session: &Arc<Session>, part: &Part, progress: &OnProgress) -> Self {
        Self {
            session: Arc::clone(session),
            part: part.clone(),
            progress: progress.clone(),
        }
    }

    /// The same without reports of the progress.
    pub(crate) fn without_progress(&self) -> Self {
        Self {
            progress: OnProgress::default(),
            ..self.clone()
        }
    }

    /// The part.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// The entries: a directory before its contents, a file before its other names.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        self.part.entries(&self.session)
    }

    /// Copies the content of a file, compared with its digests.
    pub fn copy(&self, entry: &Entry, to: &mut impl std::io::Write) -> Result<()> {
        self.copy_with(entry, to, |_| {})
    }

    /// The same; `on_piece` is called with the number of bytes of each piece.
    pub(super) fn copy_with(
        &self,
        entry: &Entry,
        to: &mut impl std::io::Write,
        mut on_piece: impl FnMut(u64),
    ) -> Result<()> {
        let mut content = self.session.content(entry.chunks());
        let mut copied: u64 = 0;
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = content.read(&mut buffer).map_err(from_reader)?;
            if read == 0 {
                break;
            }
            to.write_all(&buffer[..read]).map_err(to_writer)?;
            copied += read as u64;
            on_piece(read as u64);
        }
        if copied != entry.size() {
            let why = format!(
                "{} has {} instead of {}",
                entry.path,
                counted(copied, "byte", "bytes"),
                entry.size()
            );
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        Ok(())
    }

    pub(super) fn reporter(&self) -> Reporter {
        Reporter::new(&self.progress, self.part.name.clone())
    }
}
