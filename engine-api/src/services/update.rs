//! Changing services.

use serde::{Deserialize, Serialize};

use crate::auth::RegistryAuth;
use crate::swarm::ObjectVersion;
use crate::wire::query::Query;

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
    pub(super) fn query(&self, version: ObjectVersion) -> Query {
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
