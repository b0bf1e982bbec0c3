//! The journal: the existing environments, and the processes that own them.
//!
//! An entry is written before an environment is created, and removed after the environment is
//! removed. So if the owner is killed, another process finds its environments and removes them.

#[cfg(unix)]
pub(crate) mod directory;
#[cfg(not(unix))]
#[path = "elsewhere.rs"]
pub(crate) mod directory;
pub(crate) mod entry;
#[cfg(unix)]
mod file;
#[cfg(unix)]
mod images;
#[cfg(unix)]
pub(crate) mod leases;
#[cfg(not(unix))]
pub(crate) use directory as leases;
pub(crate) mod left_image;
#[cfg(unix)]
pub(crate) mod notes;
pub(crate) mod paused_environment;
#[cfg(unix)]
pub(crate) mod pauses;
#[cfg(not(unix))]
pub(crate) use directory as pauses;
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
/// after the environment is removed. An engine notes each additional resource, such as a volume,
/// before it creates the resource. An engine that removes an environment in the background
/// [holds](Self::hold) the entry until the removal is complete.
///
/// Without a journal (see [`ManagerOptions`](crate::ManagerOptions)) the calls have no effect.
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
    /// The number of incomplete removals.
    holds: usize,
    /// A removal has failed.
    left: bool,
    /// The environment is removed, except resources that are held.
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

    /// The entry, if there is one.
    pub(crate) fn entry(&self) -> Result<Option<Entry>> {
        match self.directory() {
            Some(directory) => directory.read(&self.0.id),
            None => Ok(None),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the entry, unless the creation was abandoned in the meantime.
    pub(crate) fn begin(&self, entry: &Entry) -> Result<()> {
        let state = self.state();
        match &self.0.directory {
            Some(directory) if !state.finished => directory.write(entry),
            _ => Ok(()),
        }
    }

    /// Notes a resource that the engine is about to create for the environment. This writes a small
    /// file.
    ///
    /// # Errors
    ///
    /// The kind is [`Io`](crate::ErrorKind::Io), for example on a full disk; then do not create the
    /// resource.
    pub fn note(&self, resource: Resource) -> Result<()> {
        self.change(|entry| {
            if !entry.resources.contains(&resource) {
                entry.resources.push(resource);
            }
        })
    }

    /// Removes the note of a resource that no longer exists.
    pub fn forget(&self, resource: &Resource) -> Result<()> {
        self.change(|entry| entry.resources.retain(|noted| noted != resource))
    }

    /// Records the lifetime of the environment.
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

    /// The output of commands in the environment; `None` without a journal.
    pub(crate) fn output(&self) -> Option<StoredOutput> {
        let directory = self.0.directory.as_ref()?;
        Some(directory.output(&self.0.id))
    }

    /// Keeps the entry until a removal is complete that no caller awaits.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.state().holds += 1;
        Hold {
            journal: self.clone(),
            gone: false,
        }
    }

    /// The environment was removed, or its creation has failed.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.finished = true;
        self.remove_if_done(&state);
    }

    fn remove_if_done(&self, state: &State) {
        if state.finished && state.holds == 0 && !state.left {
            if let Some(directory) = &self.0.directory {
                // If the entry stays, the next collection finds no environment and removes the
                // entry.
                let _ = directory.remove(&self.0.id);
            }
        }
    }
}

/// Keeps the [`Journal`] entry of an environment until its removal is complete. If this is dropped
/// without [`gone`](Self::gone), a part of the environment may still exist, and the entry stays for
/// the collection.
#[derive(Debug)]
pub struct Hold {
    journal: Journal,
    gone: bool,
}

impl Hold {
    /// The resource no longer exists.
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
