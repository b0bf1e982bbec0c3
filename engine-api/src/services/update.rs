//! Update a service.

use serde::{Deserialize, Serialize};

use super::Services;
use super::spec::ServiceSpec;
use crate::auth::RegistryAuth;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static UPDATE: Operation<Json<ServiceUpdated>> =
    Operation::post("ServiceUpdate", "/services/{id}/update");

impl Services<'_> {
    /// Replaces the specification of a service. `version` is the version with which `spec` was
    /// read.
    ///
    /// A field that is not in `spec` is reset to its default. `auth` contains credentials for the
    /// image; with `None` the service keeps its credentials. If other clients change the service,
    /// too, use [`Services::edit`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the service has changed since.
    pub async fn update(
        &self,
        id: &str,
        version: ObjectVersion,
        spec: ServiceSpec,
        options: UpdateService,
        auth: Option<&RegistryAuth>,
    ) -> Result<ServiceUpdated> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(options.query(version))
            .json(&spec)
            .reject_if(spec.check())
            .requires(spec.requires())
            .auth(auth)
            .send()
            .await
    }
}

/// How to update a service. Query of `ServiceUpdate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateService {
    /// The source of the credentials if the call has no `auth`.
    pub registry_auth_from: RegistryAuthFrom,
    /// Whether to roll back to the specification before the last update. The specification of the
    /// call must be valid, but has no effect.
    pub rollback: bool,
}

/// The source of the credentials of an updated service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RegistryAuthFrom {
    /// Those of the current specification.
    #[default]
    Spec,
    /// Those of the specification before the last update.
    PreviousSpec,
}

impl UpdateService {
    fn query(self, version: ObjectVersion) -> Query {
        let from = match self.registry_auth_from {
            RegistryAuthFrom::Spec => "",
            RegistryAuthFrom::PreviousSpec => "previous-spec",
        };
        Query::new()
            .set("version", version.index)
            .text("registryAuthFrom", from)
            .text("rollback", if self.rollback { "previous" } else { "" })
    }
}

/// The reply to an update. Definition `ServiceUpdateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceUpdated {
    /// Warnings, such as an image that no registry has.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn update_always_sends_the_version() {
        let version = ObjectVersion { index: 7 };
        assert_eq!(UpdateService::default().query(version).as_str(), "version=7");
        let back = UpdateService {
            registry_auth_from: RegistryAuthFrom::PreviousSpec,
            rollback: true,
        };
        assert_eq!(
            back.query(version).as_str(),
            "version=7&registryAuthFrom=previous-spec&rollback=previous"
        );
    }
}
