//! Reading, changing and updating a service in one.

use super::Services;
use super::inspect::InspectService;
use super::spec::ServiceSpec;
use super::update::{ServiceUpdated, UpdateService};
use crate::auth::RegistryAuth;
use crate::error::Result;

impl Services<'_> {
    /// Reads a service, changes what is set about it, and updates it. When somebody else has changed it
    /// in between, does all of that again, `change` included, up to five times.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when it was changed in between each time.
    pub async fn edit(
        &self,
        id: &str,
        options: UpdateService,
        auth: Option<&RegistryAuth>,
        mut change: impl FnMut(&mut ServiceSpec),
    ) -> Result<ServiceUpdated> {
        let mut left = RETRIES;
        loop {
            let mut service = self.inspect(id, InspectService::default()).await?;
            change(&mut service.spec);
            let updated = self
                .update(id, service.version, service.spec, options, auth)
                .await;
            match updated {
                Err(error) if error.is_version_conflict() && left > 0 => left -= 1,
                other => return other,
            }
        }
    }
}

/// How often [`Services::edit`] tries again when somebody else was faster.
const RETRIES: usize = 5;
