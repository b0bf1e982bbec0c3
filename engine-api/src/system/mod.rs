//! The engine itself: whether it answers, what it is, what happens in it.
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

mod events;
mod ping;
#[cfg(feature = "full")]
mod report;
mod resilient;
mod version;

pub use events::{Actor, Event, EventFilters, EventKind, EventScope, ListenEvents};
pub use ping::{LocalNodeState, Ping, SwarmStatus};
#[cfg(feature = "full")]
pub use report::{
    AddressPool, BuildCache, BuildCacheKind, CgroupDriver, CgroupVersion, Commit, ContainerdInfo,
    ContainerdNamespaces, DataUsage, DeviceInfo, DiskUsage, FirewallInfo, IndexInfo, Info, NriInfo,
    ObjectUsage, PeerNode, PluginsInfo, RegistryServiceConfig, Runtime, SwarmInfo, UsageType,
};
pub use resilient::{EventOrGap, ReconnectOptions, ResilientEvents};
pub use version::{Component, EnginePlatform, EngineVersion};

use crate::auth::{AuthStatus, RegistryAuth};
use crate::client::Docker;
use crate::error::Result;
use crate::wire::decode::{Headers, Json, Lines};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::JsonLines;

static PING: Operation<Headers> = Operation::get("SystemPing", "/_ping");
static PING_HEAD: Operation<Headers> = Operation::head("SystemPingHead", "/_ping");
static VERSION: Operation<Json<EngineVersion>> = Operation::get("SystemVersion", "/version");
static EVENTS: Operation<Lines<Event>> = Operation::get("SystemEvents", "/events").slow();
static AUTH: Operation<Json<AuthStatus>> = Operation::post("SystemAuth", "/auth").success(&[200, 204]);

static OPERATIONS: [&OperationInfo; 5] = [
    &PING.info,
    &PING_HEAD.info,
    &VERSION.info,
    &EVENTS.info,
    &AUTH.info,
];

pub(crate) fn operations() -> impl Iterator<Item = &'static OperationInfo> {
    let operations = OPERATIONS.into_iter();
    #[cfg(feature = "full")]
    let operations = operations.chain(report::OPERATIONS);
    operations
}

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
    /// Asks whether the engine answers, without a version.
    pub async fn ping(&self) -> Result<Ping> {
        self.docker
            .call(&PING)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }

    /// As [`System::ping`], with `HEAD`: a failure comes without the engine's words.
    pub async fn ping_head(&self) -> Result<Ping> {
        self.docker
            .call(&PING_HEAD)
            .unversioned()
            .send()
            .await
            .map(|headers| Ping::from_headers(&headers))
    }

    /// Tells the versions of the engine and of its parts.
    pub async fn version(&self) -> Result<EngineVersion> {
        self.docker.call(&VERSION).send().await
    }

    /// Listens to what happens, until `until` or until dropped.
    pub async fn events(&self, options: ListenEvents) -> Result<JsonLines<Event>> {
        self.docker.call(&EVENTS).query(options.query()).send().await
    }

    /// Lets the engine check credentials with their registry.
    ///
    /// # Errors
    ///
    /// The engine's words: most engines answer 500, not 401, when the registry refuses them.
    pub async fn auth(&self, auth: &RegistryAuth) -> Result<AuthStatus> {
        self.docker.call(&AUTH).json(auth).send().await
    }
}
