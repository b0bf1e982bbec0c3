//! Change the specification of a swarm, and its tokens.

use super::Swarm;
use super::spec::SwarmSpec;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static UPDATE: Operation<Empty> = Operation::post("SwarmUpdate", "/swarm/update");

impl Swarm<'_> {
    /// Replaces the specification of the swarm, or its tokens. `version` is the version that `spec`
    /// was read with.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the swarm has changed since.
    pub async fn update(&self, version: ObjectVersion, spec: SwarmSpec, options: UpdateSwarm) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .query(options.query(version))
            .json(&spec)
            .send()
            .await
    }
}

/// The tokens and keys that an update of a swarm replaces. Query of `SwarmUpdate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateSwarm {
    /// Whether to replace the token of workers.
    pub rotate_worker_token: bool,
    /// Whether to replace the token of managers.
    pub rotate_manager_token: bool,
    /// Whether to replace the key that unlocks managers.
    pub rotate_manager_unlock_key: bool,
}

impl UpdateSwarm {
    fn query(self, version: ObjectVersion) -> Query {
        Query::new()
            .set("version", version.index)
            .flag("rotateWorkerToken", self.rotate_worker_token)
            .flag("rotateManagerToken", self.rotate_manager_token)
            .flag("rotateManagerUnlockKey", self.rotate_manager_unlock_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn update_always_sends_the_version() {
        let none = UpdateSwarm::default().query(ObjectVersion::default());
        assert_eq!(none.as_str(), "version=0");
        let all = UpdateSwarm {
            rotate_worker_token: true,
            rotate_manager_token: true,
            rotate_manager_unlock_key: true,
        };
        assert_eq!(
            all.query(ObjectVersion { index: 7 }).as_str(),
            "version=7&rotateWorkerToken=true&rotateManagerToken=true&rotateManagerUnlockKey=true"
        );
    }
}
