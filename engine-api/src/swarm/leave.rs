//! Leave a swarm.

use super::Swarm;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static LEAVE: Operation<Empty> = Operation::post("SwarmLeave", "/swarm/leave");

impl Swarm<'_> {
    /// Leaves the swarm.
    ///
    /// # Errors
    ///
    /// 503 when the engine is not in a swarm, and when it is a manager and `force` is not set.
    pub async fn leave(&self, options: LeaveSwarm) -> Result<()> {
        self.docker.call(&LEAVE).query(options.query()).send().await
    }
}

/// How to leave a swarm. Query of `SwarmLeave`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaveSwarm {
    /// Whether a manager leaves even if the swarm then loses its quorum or ends.
    pub force: bool,
}

impl LeaveSwarm {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_sent_only_when_it_is_set() {
        assert_eq!(LeaveSwarm { force: true }.query().as_str(), "force=true");
        assert_eq!(LeaveSwarm::default().query().as_str(), "");
    }
}
