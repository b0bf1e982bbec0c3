//! An environment that is paused during a call.

use std::sync::Arc;

use super::Environment;
use super::shared::Shared;
use super::status::Status;
use crate::cleanup;
use crate::error::{ErrorKind, Result};

/// An environment that is paused until this is dropped, also if the future of the caller is
/// dropped.
#[derive(Debug)]
pub(crate) struct Paused(Option<Arc<Shared>>);

impl Paused {
    /// Pauses a running environment, if its engine supports that. A pause by a user stays.
    pub(crate) async fn begin(environment: &Environment) -> Result<Self> {
        let shared = environment.shared();
        if shared.status() != Status::Running || shared.instance.pause().is_none() {
            return Ok(Self(None));
        }
        // Set before the request: the future may be dropped while the engine pauses.
        let mut paused = Self(Some(Arc::clone(shared)));
        let result = environment.pause().await;
        if result.is_err() {
            paused.0 = None;
        }
        result.map(|()| paused)
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
        self.0 = None;
        resumed
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        cleanup::run(Arc::new(move || {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                if let Some(pausing) = shared.instance.pause() {
                    // After an error it stays paused, and its status shows that.
                    if pausing.unpause().await.is_ok() {
                        shared.observe(Status::Running);
                    }
                }
            })
        }));
    }
}
