//! Remove a volume.

use super::Volumes;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static REMOVE: Operation<Empty> =
    Operation::delete("VolumeDelete", "/volumes/{name}").success(&[204]);

impl Volumes<'_> {
    /// Removes a volume and its data.
    ///
    /// # Errors
    ///
    /// 409 when a container uses it, running or not ([`crate::Error::is_conflict`]).
    pub async fn remove(&self, name: &str, options: RemoveVolume) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(name)
            .query(options.query())
            .send()
            .await
    }
}

/// How to remove a volume. Query of `VolumeDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveVolume {
    /// Whether to ignore a missing volume or a failed driver. Docker still does not remove a volume
    /// in use.
    pub force: bool,
}

impl RemoveVolume {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_sent_only_when_it_is_set() {
        assert_eq!(RemoveVolume { force: true }.query().as_str(), "force=true");
        assert_eq!(RemoveVolume::default().query().as_str(), "");
    }
}
