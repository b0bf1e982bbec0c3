//! Removing a container.

use crate::wire::query::Query;

/// How to remove a container. Query of `ContainerDelete`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveContainer {
    /// Whether its anonymous volumes are removed too.
    pub volumes: bool,
    /// Whether it is killed first, if it runs.
    pub force: bool,
    /// Whether only the link of that name is removed, and the container stays.
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
