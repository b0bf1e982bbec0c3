//! What needs the control groups of a daemon. One without root may have no control groups.

use super::container::ContainerRef;
use super::daemon::{self, DaemonInfo};
use super::diagnostics::to_error;
use super::{NAME, daemon::unless_refused};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};

impl ContainerRef {
    /// Fails if the daemon has not this feature. A daemon with root has it, and is not asked.
    pub(super) async fn check_feature(&self, feature: Feature) -> Result<()> {
        if self.daemon.get().is_none() && daemon::has_root(&self.docker) {
            return Ok(());
        }
        let reading = self.daemon.get_or_try_init(|| DaemonInfo::read(&self.docker));
        // A proxy may refuse the question.
        let Some(known) = unless_refused(reading.await).map_err(to_error)? else {
            return Ok(());
        };
        match known.capabilities().missing(&[feature].into()) {
            lacks if lacks.is_empty() => Ok(()),
            lacks => Err(Error::unsupported(NAME, lacks)),
        }
    }

    /// The error of a request that needs this feature, if the daemon has it.
    pub(super) async fn refused(&self, feature: Feature, error: engine_api::Error) -> Error {
        match self.check_feature(feature).await {
            Err(lack) if lack.is_unsupported() => lack,
            _ => to_error(error),
        }
    }
}
