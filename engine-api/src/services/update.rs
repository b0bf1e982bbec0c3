//! Changing services.

use serde::{Deserialize, Serialize};

use super::Services;
use super::spec::ServiceSpec;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::swarm::ObjectVersion;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static UPDATE: Operation<Json<ServiceUpdated>> =
    Operation::post("ServiceUpdate", "/services/{id}/update");

impl Services<'_> {
    /// Replaces what is set about a service, which `version` of it `spec` was made from.
    ///
    /// A field that `spec` leaves out goes back to its default. `auth` holds credentials for the image;
    /// with `None` the service keeps its own. If other clients change the service, too, use
    /// [`Services::edit`].
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
    /// Which credentials of the service to keep, if the call has none.
    pub registry_auth_from: RegistryAuthFrom,
    /// Whether to go back to what was set before the last update; what is sent must be right and is then
    /// left out.
    pub rollback: bool,
}

/// Where the credentials of an updated service are from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RegistryAuthFrom {
    /// From what is set now.
    #[default]
    Spec,
    /// From what was set before the last update.
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

/// What an engine said to an update. Definition `ServiceUpdateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceUpdated {
    /// What the engine complains about, such as an image that no registry has.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_always_says_its_version() {
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
