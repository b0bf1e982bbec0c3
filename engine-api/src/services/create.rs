//! Create a service.

use serde::{Deserialize, Serialize};

use super::Services;
use super::spec::ServiceSpec;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static CREATE: Operation<Json<ServiceCreated>> =
    Operation::post("ServiceCreate", "/services/create").success(&[201]);

impl Services<'_> {
    /// Creates a service; its tasks start later. The credentials are passed to the nodes that pull
    /// the image.
    ///
    /// # Errors
    ///
    /// 409 when the name is in use.
    pub async fn create(&self, service: ServiceSpec, auth: Option<&RegistryAuth>) -> Result<ServiceCreated> {
        self.docker
            .call(&CREATE)
            .json(&service)
            .reject_if(service.check())
            .requires(service.requires())
            .auth(auth)
            .send()
            .await
    }
}

/// The id of a new service. Definition `ServiceCreateResponse`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceCreated {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// Warnings, such as an image that no registry has.
    pub warnings: Vec<String>,
}
