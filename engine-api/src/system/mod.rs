//! The engine itself: whether it answers, what it is, what happens in it.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::system::ListenEvents;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! println!("{} containers", docker.system().info().await?.containers);
//! let mut events = docker.system().events(ListenEvents::default()).await?;
//! while let Some(event) = events.next().await {
//!     let event = event?;
//!     println!("{} {}", event.verb(), event.actor.id);
//! }
//! # Ok(())
//! # }
//! ```

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

use crate::auth::{AuthStatus, RegistryAuth};
use crate::client::Docker;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::{Headers, Json, Lines};
use crate::wire::operation::{Operation, OperationFacts};
use crate::wire::stream::JsonLines;

static PING: Operation<Headers> = Operation::get("SystemPing", "/_ping");
static PING_HEAD: Operation<Headers> = Operation::head("SystemPingHead", "/_ping");
static VERSION: Operation<Json<EngineVersion>> = Operation::get("SystemVersion", "/version");
static INFO: Operation<Json<Info>> = Operation::get("SystemInfo", "/info");
static EVENTS: Operation<Lines<Event>> = Operation::get("SystemEvents", "/events").slow();
static DF: Operation<Json<DiskUsage>> = Operation::get("SystemDataUsage", "/system/df").slow();
static AUTH: Operation<Json<AuthStatus>> = Operation::post("SystemAuth", "/auth").success(&[200, 204]);

pub(crate) static OPERATIONS: [&OperationFacts; 7] = [
    &PING.facts,
    &PING_HEAD.facts,
    &VERSION.facts,
    &INFO.facts,
    &EVENTS.facts,
    &DF.facts,
    &AUTH.facts,
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

    /// Tells all about the engine and the machine it runs on.
    pub async fn info(&self) -> Result<Info> {
        self.docker.call(&INFO).send().await
    }

    /// Listens to what happens, until `until` or until dropped.
    pub async fn events(&self, options: ListenEvents) -> Result<JsonLines<Event>> {
        self.docker.call(&EVENTS).query(options.query()).send().await
    }

    /// Measures the disk space that everything takes; the engine may need long for it.
    pub async fn df(&self, options: DataUsage) -> Result<DiskUsage> {
        self.docker
            .call(&DF)
            .query(options.query())
            .needs(!options.types.is_empty(), "DataUsage::types", Version::new(1, 42))
            .needs(options.verbose, "DataUsage::verbose", Version::new(1, 52))
            .send()
            .await
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
