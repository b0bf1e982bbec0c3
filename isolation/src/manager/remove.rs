//! Removes an environment of any process, also an incomplete one.

use super::Manager;
use super::list::{Listed, Standing};
use crate::engine::Leftover;
use crate::engine::context::Context;
use crate::environment::first::as_word;
use crate::environment::id::EnvironmentId;
use crate::environment::sharing;
use crate::environment::status::Status;
use crate::environment::summary::EnvironmentSummary;
use crate::error::{Error, ErrorKind, Result};
use crate::events::{EventKind, Subject};

/// How to remove: see [`Manager::remove`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remove {
    /// Also remove a running environment, and the entry of an environment whose engine does not
    /// answer.
    pub force: bool,
}

impl Manager {
    /// Removes an environment that any process has created, by its ID, by a unique beginning of
    /// the ID, or by its name. It may be lost, without owner, or incomplete. Of one that neither an
    /// engine nor the journal has, the networks and volumes with its label are removed, by its
    /// whole ID.
    ///
    /// # Errors
    ///
    /// The kind is [`InvalidInput`](ErrorKind::InvalidInput) if it runs and `force` is not set, and
    /// [`Conflict`](ErrorKind::Conflict) if other environments have its network.
    pub async fn remove(&self, reference: &str, remove: Remove) -> Result<Listed> {
        let removed = self.find_and_remove(reference, remove).await;
        removed.map_err(|error| error.during("remove the environment", reference))
    }

    async fn find_and_remove(&self, reference: &str, remove: Remove) -> Result<Listed> {
        let (listed, sharing) = match self.find_with_sharing(reference).await {
            Err(error) if error.is_not_found() => {
                return self.remove_labelled(reference).await?.ok_or(error);
            }
            found => found?,
        };
        if listed.status.is_some_and(Status::is_running) && !remove.force {
            return Err(Error::invalid(format!(
                "the environment runs; stop it first: `isolate stop {}`, or use --force",
                as_word(reference)
            )));
        }
        if let (Standing::Shared { users: 1.. }, false) = (listed.standing, remove.force) {
            return Err(Error::invalid("other processes use the environment; use --force"));
        }
        if !sharing.is_empty() {
            return Err(sharing::in_use(&sharing));
        }
        let removed = match listed.standing {
            // No engine has it; otherwise its labels would show it.
            Standing::Damaged => Ok(()),
            _ => self.remove_listed(&listed).await,
        };
        match removed {
            Err(error) if error.kind() == ErrorKind::Unavailable && !remove.force => {
                let why = format!("{error}; --force removes the environment from the journal only");
                return Err(Error::new(ErrorKind::Unavailable, why));
            }
            Err(error) if error.kind() != ErrorKind::Unavailable => return Err(error),
            _ => {}
        }
        if let Some(directory) = self.state.directory()? {
            directory.remove(&listed.id)?;
            if let Standing::Shared { .. } = listed.standing {
                directory.leases(&listed.id).lock().await?.forget();
            }
        }
        let subject = Subject::Environment {
            id: listed.id.clone(),
            name: listed.name.clone(),
            engine: listed.engine.clone(),
        };
        self.events.emit(subject, EventKind::Destroyed);
        Ok(listed)
    }

    /// Removes the networks and volumes of an environment that neither an engine nor the journal
    /// has, by its whole ID.
    async fn remove_labelled(&self, reference: &str) -> Result<Option<Listed>> {
        let Ok(id) = reference.parse::<EnvironmentId>() else {
            return Ok(None);
        };
        for engine in self.registry().engines() {
            // Without an answer, the first error counts: there is no such environment.
            let resources = engine.labelled(&id).await.unwrap_or_default();
            let others = |all: Vec<EnvironmentSummary>| all.iter().all(|one| one.id != id);
            if resources.is_empty() || !engine.list().await.is_ok_and(others) {
                continue;
            }
            let context = Context::new(self.events.clone(), self.state.journal(&id));
            let leftover = Leftover {
                id: &id,
                resources: &resources,
                context: &context,
            };
            if engine.remove(leftover).await? {
                return Ok(Some(Listed::labelled(id, engine.name())));
            }
        }
        Ok(None)
    }

    async fn remove_listed(&self, listed: &Listed) -> Result<()> {
        let engine = self.engine_of(listed)?;
        let directory = self.state.directory()?;
        // A damaged entry contains no notes, and is removed.
        let noted = directory.and_then(|directory| directory.read(&listed.id).ok().flatten());
        let resources = noted.map(|entry| entry.resources).unwrap_or_default();
        let context = Context::new(self.events.clone(), self.state.journal(&listed.id));
        let leftover = Leftover {
            id: &listed.id,
            resources: &resources,
            context: &context,
        };
        engine.remove(leftover).await.map(drop)
    }
}
