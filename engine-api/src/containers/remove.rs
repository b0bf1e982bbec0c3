//! Removing a container.

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static REMOVE: Operation<Empty> =
    Operation::delete("ContainerDelete", "/containers/{id}").success(&[204]);

impl Containers<'_> {
    /// Removes a container.
    ///
    /// # Errors
    ///
    /// 409 when it is running and `force` is not set, or when another call is removing it.
    pub async fn remove(&self, id: &str, options: RemoveContainer) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// How to remove a container. Query of `ContainerDelete`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveContainer {
    /// Whether its anonymous volumes are removed, too.
    pub volumes: bool,
    /// Whether a running container is killed first.
    pub force: bool,
    /// Whether only the link with that name is removed, and not the container.
    pub link: bool,
}

impl RemoveContainer {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .flag("v", self.volumes)
            .flag("force", self.force)
            .flag("link", self.link)
    }
}
