//! Remove a service.

use super::Services;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;

pub(super) static REMOVE: Operation<Empty> = Operation::delete("ServiceDelete", "/services/{id}");

impl Services<'_> {
    /// Removes a service; its tasks are stopped later.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }
}
