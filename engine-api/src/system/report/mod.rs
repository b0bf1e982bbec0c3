//! What the engine says about itself as a whole: all there is to know, and what takes how much space.

mod build_cache;
mod df;
mod info;
mod info_parts;
mod info_swarm;

pub use build_cache::{BuildCache, BuildCacheKind};
pub use df::{DataUsage, DiskUsage, ObjectUsage, UsageType};
pub use info::Info;
pub use info_parts::{
    AddressPool, CgroupDriver, CgroupVersion, Commit, ContainerdInfo, ContainerdNamespaces, DeviceInfo,
    FirewallInfo, IndexInfo, NriInfo, PluginsInfo, RegistryServiceConfig, Runtime,
};
pub use info_swarm::{PeerNode, SwarmInfo};

use super::System;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Json;
use crate::wire::operation::{Operation, OperationInfo};

static INFO: Operation<Json<Info>> = Operation::get("SystemInfo", "/info");
static DF: Operation<Json<DiskUsage>> = Operation::get("SystemDataUsage", "/system/df").slow();

pub(crate) static OPERATIONS: [&OperationInfo; 2] = [&INFO.info, &DF.info];

impl System<'_> {
    /// Tells all about the engine and the machine it runs on.
    pub async fn info(&self) -> Result<Info> {
        self.docker.call(&INFO).send().await
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
}
