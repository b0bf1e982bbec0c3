//! The use of an environment that several processes share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::id::EnvironmentId;
use crate::cleanup;
use crate::engine::context::Context;
use crate::engine::{Engine, Leftover};
use crate::error::Result;
use crate::journal::directory::StateDirectory;
use crate::journal::leases::{Lease, Lock};

/// One use of a shared environment. The end of the last one removes the environment.
#[derive(Clone)]
pub(crate) struct Usage(Arc<Inner>);

struct Inner {
    id: EnvironmentId,
    engine: Arc<dyn Engine>,
    context: Context,
    directory: StateDirectory,
    lease: Lease,
    /// Held until the environment is ready.
    lock: Mutex<Option<Lock>>,
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usage")
            .field("lease", &self.0.lease)
            .finish_non_exhaustive()
    }
}

impl Usage {
    pub(crate) fn new(
        id: &EnvironmentId,
        engine: &Arc<dyn Engine>,
        context: &Context,
        directory: &StateDirectory,
        lease: Lease,
        lock: Lock,
    ) -> Self {
        Self(Arc::new(Inner {
            id: id.clone(),
            engine: Arc::clone(engine),
            context: context.clone(),
            directory: directory.clone(),
            lease,
            lock: Mutex::new(Some(lock)),
        }))
    }

    /// Returns the lock that is held until the environment is ready.
    pub(crate) fn take_lock(&self) -> Option<Lock> {
        self.0.lock.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends the use; returns whether the environment was removed. After an error, it can be called
    /// again.
    pub(crate) async fn end(&self) -> Result<bool> {
        let Inner {
            id, directory, lease, ..
        } = &*self.0;
        let lock = match self.take_lock() {
            Some(lock) => lock,
            None => directory.leases(id).lock().await?,
        };
        lease.end()?;
        if lock.users()? > 0 {
            return Ok(false);
        }
        let noted = directory.read(id)?;
        let leftover = Leftover {
            id,
            resources: &noted.map(|entry| entry.resources).unwrap_or_default(),
            context: &self.0.context,
        };
        self.0.engine.remove(leftover).await?;
        directory.remove(id)?;
        lock.forget();
        Ok(true)
    }

    /// Ends the use without awaiting it, see [`cleanup::run_within`]; returns whether the
    /// environment was removed, if that is already known.
    pub(crate) fn end_in_background(&self, limit: Duration) -> Option<bool> {
        let ended = Arc::new(Mutex::new(None));
        let (usage, result) = (self.clone(), Arc::clone(&ended));
        let job: cleanup::Job = Arc::new(move || {
            let (usage, result) = (usage.clone(), Arc::clone(&result));
            Box::pin(async move {
                // There is no caller to report an error to; the entry stays in the journal.
                let ended = usage.end().await.ok();
                *result.lock().unwrap_or_else(PoisonError::into_inner) = ended;
            })
        });
        cleanup::run_within(limit, job);
        *ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
