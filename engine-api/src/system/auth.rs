//! Check credentials with their registry.

use super::System;
use crate::auth::{AuthStatus, RegistryAuth};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static AUTH: Operation<Json<AuthStatus>> =
    Operation::post("SystemAuth", "/auth").success(&[200, 204]);

impl System<'_> {
    /// Checks credentials with their registry, through the engine.
    ///
    /// # Errors
    ///
    /// When the registry rejects the credentials, the status of most engines is 500, not 401.
    pub async fn auth(&self, auth: &RegistryAuth) -> Result<AuthStatus> {
        self.docker.call(&AUTH).json(auth).send().await
    }
}
