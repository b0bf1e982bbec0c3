//! The engine itself: ping, version, information, disk usage and events.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::system::ListenEvents;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! println!("Docker {}", docker.system().version().await?.version);
//! let mut events = docker.system().events(ListenEvents::default()).await?;
//! while let Some(event) = events.next().await {
//!     let event = event?;
//!     println!("{} {}", event.verb(), event.actor.id);
//! }
//! # Ok(())
//! # }
//! ```

mod auth;
#[cfg(feature = "full")]
mod build_cache;
#[cfg(feature = "full")]
mod df;
mod events;
#[cfg(feature = "full")]
mod info;
#[cfg(feature = "full")]
mod info_parts;
#[cfg(feature = "full")]
mod info_swarm;
mod ping;
mod resilient_events;
mod version;

#[cfg(feature = "full")]
pub use build_cache::{BuildCache, BuildCacheKind};
#[cfg(feature = "full")]
pub use df::{DataUsage, DiskUsage, ObjectUsage, UsageType};
pub use events::{Actor, Event, EventFilters, EventKind, EventScope, ListenEvents};
#[cfg(feature = "full")]
pub use info::Info;
#[cfg(feature = "full")]
pub use info_parts::{
    AddressPool, CgroupDriver, CgroupVersion, Commit, ContainerdInfo, ContainerdNamespaces, DeviceInfo,
    FirewallInfo, IndexInfo, NriInfo, PluginsInfo, RegistryServiceConfig, Runtime,
};
#[cfg(feature = "full")]
pub use info_swarm::{PeerNode, SwarmInfo};
pub use ping::{LocalNodeState, Ping, SwarmStatus};
pub use resilient_events::{EventOrGap, ReconnectOptions, ResilientEvents};
pub use version::{Component, EnginePlatform, EngineVersion};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &ping::PING.info,
    &ping::PING_HEAD.info,
    &version::VERSION.info,
    &events::EVENTS.info,
    &auth::AUTH.info,
    #[cfg(feature = "full")]
    &info::INFO.info,
    #[cfg(feature = "full")]
    &df::DF.info,
];

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
