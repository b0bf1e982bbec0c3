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
    /// Everything is replaced: what `spec` does not say goes back to its default. Where somebody else
    /// may change the service, too, [`Services::edit`] is simpler.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the service has changed since.
    pub async fn update(
        &self,
        id: &str,
        version: ObjectVersion,
        spec: &ServiceSpec,
        options: UpdateService<'_>,
    ) -> Result<ServiceUpdated> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(options.query(version))
            .json(spec)
            .reject_if(spec.check())
            .requires(spec.requires())
            .auth(options.auth)
            .send()
            .await
    }
}

/// How to update a service. Query and header of `ServiceUpdate`.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpdateService<'a> {
    /// Credentials for the image; `None` keeps those that the service has.
    pub auth: Option<&'a RegistryAuth>,
    /// Which of those it has, where `auth` is `None`.
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

impl UpdateService<'_> {
    fn query(&self, version: ObjectVersion) -> Query {
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
            ..Default::default()
        };
        assert_eq!(
            back.query(version).as_str(),
            "version=7&registryAuthFrom=previous-spec&rollback=previous"
        );
    }
}
