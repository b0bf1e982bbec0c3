//! The journal: what exists, and which process owns it.
//!
//! An entry is written before an environment is created, and removed when the environment is gone.
//! So whatever happens to the owner, another process finds what it has left and removes it.

#[cfg(unix)]
pub(crate) mod directory;
#[cfg(not(unix))]
#[path = "elsewhere.rs"]
pub(crate) mod directory;
pub(crate) mod entry;
#[cfg(unix)]
mod file;
#[cfg(unix)]
pub(crate) mod leases;
#[cfg(not(unix))]
pub(crate) use directory as leases;
pub(crate) mod process;
#[cfg(unix)]
pub(crate) mod pulls;
#[cfg(not(unix))]
pub(crate) use directory as pulls;
#[cfg(unix)]
pub(crate) mod reaper;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::directory::StateDirectory;
use self::entry::{Entry, Resource};
use crate::environment::id::EnvironmentId;
use crate::error::Result;
use crate::logs::stored::StoredOutput;
use crate::spec::lifetime::Lifetime;

/// For authors of engines: the journal entry of one environment.
///
/// The manager writes the entry before [`Engine::create`](crate::Engine::create) and removes it
/// when the environment is gone. An engine that makes more than the environment itself, such as a
/// volume, notes it before it makes it. An engine that removes an environment in the background
/// [holds](Self::hold) the entry meanwhile.
///
/// Without a journal (see [`ManagerOptions`](crate::ManagerOptions)) the calls do nothing.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Option<StateDirectory>,
    id: EnvironmentId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many removals are not complete.
    holds: usize,
    /// A removal has failed.
    left: bool,
    /// The environment is gone, but for what is held.
    finished: bool,
}

impl Journal {
    /// The entry of an environment in this directory, if there is one.
    pub(crate) fn of(directory: Option<&StateDirectory>, id: &EnvironmentId) -> Self {
        Self(Arc::new(Inner {
            directory: directory.cloned(),
            id: id.clone(),
            state: Mutex::default(),
        }))
    }

    /// The state directory, if there is a journal.
    pub(crate) fn directory(&self) -> Option<&StateDirectory> {
        self.0.directory.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the entry, unless the environment has been given up meanwhile.
    pub(crate) fn begin(&self, entry: &Entry) -> Result<()> {
        let state = self.state();
        match &self.0.directory {
            Some(directory) if !state.finished => directory.write(entry),
            _ => Ok(()),
        }
    }

    /// Notes something that the engine is about to make for the environment. This writes a small
    /// file.
    ///
    /// # Errors
    ///
    /// The kind is [`Io`](crate::ErrorKind::Io), for example on a full disk; then do not make it.
    pub fn note(&self, resource: Resource) -> Result<()> {
        self.change(|entry| {
            if !entry.resources.contains(&resource) {
                entry.resources.push(resource);
            }
        })
    }

    /// Removes the note of something that does not exist any more.
    pub fn forget(&self, resource: &Resource) -> Result<()> {
        self.change(|entry| entry.resources.retain(|noted| noted != resource))
    }

    /// Records how long the environment lives.
    pub(crate) fn set_lifetime(&self, lifetime: Lifetime) -> Result<()> {
        self.change(|entry| entry.lifetime = lifetime)
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) -> Result<()> {
        let _state = self.state();
        let Some(directory) = &self.0.directory else {
            return Ok(());
        };
        let Some(mut entry) = directory.read(&self.0.id)? else {
            return Ok(());
        };
        let before = entry.clone();
        change(&mut entry);
        match entry == before {
            true => Ok(()),
            false => directory.write(&entry),
        }
    }

    /// What commands in the environment have written; `None` without a journal.
    pub(crate) fn output(&self) -> Option<StoredOutput> {
        let directory = self.0.directory.as_ref()?;
        Some(directory.output(&self.0.id))
    }

    /// For a removal that no caller awaits: keeps the entry until the removal is complete.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.state().holds += 1;
        Hold {
            journal: self.clone(),
            gone: false,
        }
    }

    /// The environment is gone, or its creation has ended without one.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.finished = true;
        self.remove_if_done(&state);
    }

    fn remove_if_done(&self, state: &State) {
        if state.finished && state.holds == 0 && !state.left {
            if let Some(directory) = &self.0.directory {
                // An entry that stays is removed by the next collection, which finds nothing.
                let _ = directory.remove(&self.0.id);
            }
        }
    }
}

/// Keeps the [`Journal`] entry of an environment until its removal is complete. If this is dropped
/// without [`gone`](Self::gone), something may be left, and the entry stays for the collection.
#[derive(Debug)]
pub struct Hold {
    journal: Journal,
    gone: bool,
}

impl Hold {
    /// What this stands for does not exist any more.
    pub fn gone(mut self) {
        self.gone = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.journal.state();
        state.holds -= 1;
        state.left |= !self.gone;
        self.journal.remove_if_done(&state);
    }
}

#[cfg(all(test, unix))]
mod tests;
