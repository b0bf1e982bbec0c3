//! Remove a node from the swarm.

use super::Nodes;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static REMOVE: Operation<Empty> = Operation::delete("NodeDelete", "/nodes/{id}");

impl Nodes<'_> {
    /// Removes a node from the swarm.
    ///
    /// # Errors
    ///
    /// 400 or 500 when it is not down, or is a manager, and `force` is not set.
    pub async fn remove(&self, id: &str, options: RemoveNode) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(id)
            .query(options.query())
            .send()
            .await
    }
}

/// How to remove a node. Query of `NodeDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveNode {
    /// Whether to remove it even if it is not down, or is a manager.
    pub force: bool,
}

impl RemoveNode {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}
