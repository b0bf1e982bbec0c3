//! Read, change and update a service in one call.

use super::Services;
use super::inspect::InspectService;
use super::spec::ServiceSpec;
use super::update::{ServiceUpdated, UpdateService};
use crate::auth::RegistryAuth;
use crate::error::Result;

impl Services<'_> {
    /// Reads a service, calls `change` with its specification, and updates it. If another client
    /// changes the service in between, the steps are repeated, up to five times.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the service was changed in between each time.
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

/// The number of retries of [`Services::edit`] after a version conflict.
const RETRIES: usize = 5;
