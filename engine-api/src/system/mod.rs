//! The engine itself: whether it answers, what it is, what happens in it.

mod build_cache;
mod df;
mod events;
mod info;
mod info_parts;
mod info_swarm;
mod ping;
mod version;

pub use build_cache::{BuildCache, BuildCacheKind};
pub use df::{DataUsage, DiskUsage, ObjectUsage, UsageType};
pub use events::{Actor, Event, EventFilters, EventKind, EventScope, ListenEvents};
pub use info::Info;
pub use info_parts::{
    AddressPool, CgroupDriver, CgroupVersion, Commit, ContainerdInfo, ContainerdNamespaces, DeviceInfo,
    FirewallInfo, IndexInfo, NriInfo, PluginsInfo, RegistryServiceConfig, Runtime,
};
pub use info_swarm::{LocalNodeState, PeerNode, SwarmInfo};
pub use ping::{Ping, SwarmStatus};
pub use version::{Component, EnginePlatform, EngineVersion};

use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::Headers;
use crate::wire::operation::{Operation, OperationFacts};

static PING: Operation<Headers> = Operation::get("SystemPing", "/_ping");
static PING_HEAD: Operation<Headers> = Operation::head("SystemPingHead", "/_ping");

pub(crate) static OPERATIONS: [&OperationFacts; 2] = [&PING.facts, &PING_HEAD.facts];

/// Calls on the engine as a whole; see [`Docker::system`].
#[derive(Debug, Clone, Copy)]
pub struct System<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The engine as a whole.
    pub fn system(&self) -> System<'_> {
        System { docker: self }
    }
}

impl System<'_> {
    /// Asks whether the engine answers; `GET /_ping`, without a version.
    pub async fn ping(&self) -> Result<Ping> {
        self.docker
            .call(&PING)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }

    /// As [`System::ping`], by `HEAD /_ping`: a failure comes without the engine's words.
    pub async fn ping_head(&self) -> Result<Ping> {
        self.docker
            .call(&PING_HEAD)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }
}
