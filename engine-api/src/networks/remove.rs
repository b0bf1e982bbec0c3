//! Remove a network.

use super::Networks;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static REMOVE: Operation<Empty> =
    Operation::delete("NetworkDelete", "/networks/{id}").success(&[204]);

impl Networks<'_> {
    /// Removes a network.
    ///
    /// # Errors
    ///
    /// 403 when it is predefined or a running container is connected to it
    /// ([`crate::Error::is_forbidden`]); the status of Podman is 500.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }
}
