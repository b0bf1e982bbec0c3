//! An environment that is paused during a call.

use std::sync::{Arc, Mutex, PoisonError};

use super::Environment;
use super::shared::Shared;
use super::status::Status;
use crate::cleanup;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::paused_environment::PausedEnvironment;
use crate::journal::pauses::PauseNote;

/// An environment that is paused until this is dropped, also if the future of the caller is
/// dropped. If the process is killed, the collection resumes it: it is noted before it is paused.
#[derive(Debug)]
pub(crate) struct Paused(Option<Pause>);

#[derive(Debug)]
struct Pause {
    shared: Arc<Shared>,
    /// `None` without a journal.
    note: Option<PauseNote>,
}

impl Paused {
    /// Pauses a running environment, if its engine supports that. A pause by a user stays.
    pub(crate) async fn begin(environment: &Environment) -> Result<Self> {
        let shared = environment.shared();
        let Some(pausing) = shared
            .instance
            .pause()
            .filter(|_| shared.status() == Status::Running)
        else {
            return Ok(Self(None));
        };
        match shared.answered(pausing.check()).await {
            Err(error) if error.is_unsupported() => return Ok(Self(None)),
            checked => checked?,
        }
        let noting = Arc::clone(shared);
        // Not in the runtime's thread: the disk may be slow.
        let note = tokio::task::spawn_blocking(move || note(&noting));
        let note = note.await.map_err(|ended| Error::engine("journal", ended))??;
        // Set before the request: the future may be dropped while the engine pauses.
        let mut paused = Self(Some(Pause {
            shared: Arc::clone(shared),
            note,
        }));
        match environment.pause().await {
            Ok(()) => Ok(paused),
            Err(error) => {
                if let Some(note) = paused.0.take().and_then(|pause| pause.note) {
                    // The first error is returned; the collection removes the note.
                    let _ = note.remove();
                }
                Err(error)
            }
        }
    }

    /// Resumes it.
    pub(crate) async fn end(mut self, environment: &Environment) -> Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        let resumed = match environment.unpause().await {
            // Another process has resumed or ended it.
            Err(error) if error.kind() == ErrorKind::WrongStatus => Ok(()),
            other => other,
        };
        let note = self.0.take().and_then(|pause| pause.note);
        match (resumed, note) {
            (Ok(()), Some(note)) => note.remove(),
            // The note stays: the collection tries again.
            (resumed, _) => resumed,
        }
    }
}

/// Notes an environment that is about to be paused; `None` if no other process could resume it.
fn note(shared: &Shared) -> Result<Option<PauseNote>> {
    let Some(directory) = shared.journal.directory() else {
        return Ok(None);
    };
    let owner = shared.owner.upgrade();
    let address = match shared.journal.entry()? {
        Some(entry) => Some(entry.address),
        None => owner.as_ref().and_then(|owner| owner.address_of(&shared.engine)),
    };
    let Some(address) = address else {
        return Ok(None);
    };
    let noted = directory.note_pause(&PausedEnvironment {
        id: shared.id.clone(),
        name: shared.name().to_owned(),
        engine: shared.engine.clone(),
        address,
        pid: std::process::id(),
    })?;
    if let Some(owner) = owner {
        owner.start_reaper(directory);
    }
    Ok(Some(noted))
}

impl Drop for Paused {
    fn drop(&mut self) {
        let Some(Pause { shared, note }) = self.0.take() else {
            return;
        };
        let note = Arc::new(Mutex::new(note));
        cleanup::run(Arc::new(move || {
            let (shared, note) = (Arc::clone(&shared), Arc::clone(&note));
            Box::pin(async move {
                // After an error it stays paused, its status shows that, and the note stays.
                let resumed = async { shared.instance.pause()?.unpause().await.ok() };
                if resumed.await.is_some() {
                    shared.observe(Status::Running);
                    let note = note.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let _ = note.map(PauseNote::remove);
                }
            })
        }));
    }
}
