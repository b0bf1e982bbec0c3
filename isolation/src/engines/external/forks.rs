//! Forks: the other program holds the state of an environment, and creates others from it.

use std::sync::Arc;

use super::instance::RemoteInstance;
use super::peer::Peer;
use crate::BoxFuture;
use crate::engine::forks::{ForkPoint, Forks};
use crate::engine::instance::Recreate;
use crate::error::{Error, Result};
use crate::protocol::call::Call;
use crate::protocol::states::Point;

/// A state that the other program holds. Dropping it releases the state.
pub(super) struct RemotePoint {
    peer: Arc<Peer>,
    point: u64,
}

impl RemotePoint {
    /// The number of the state, for the program that holds it.
    pub(super) fn of(point: &ForkPoint, peer: &Arc<Peer>) -> Result<u64> {
        match point.get::<Self>() {
            Some(held) if Arc::ptr_eq(&held.peer, peer) => Ok(held.point),
            Some(held) => Err(held.peer.ended_with("the state of the environment")),
            None => Err(Error::invalid("the fork point belongs to another engine")),
        }
    }
}

impl Drop for RemotePoint {
    fn drop(&mut self) {
        let point = Point { point: self.point };
        // If the program has ended, the state has, too.
        let _ = self.peer.send_once(Call::ReleaseForkPoint(point), Box::new(drop));
    }
}

impl Forks for RemoteInstance {
    fn fork_point(&self) -> BoxFuture<'_, Result<ForkPoint>> {
        Box::pin(async {
            let peer = self.engine.reach().await?;
            let Point { point } = peer.request(Call::ForkPoint(self.of())).await?;
            // The protocol has no field for it: the state may be the environment itself.
            Ok(ForkPoint::new(RemotePoint { peer, point }).of_original())
        })
    }
}

impl Recreate for RemoteInstance {
    fn recreate(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.tell(Call::Recreate(self.of())))
    }
}
