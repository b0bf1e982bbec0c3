//! Disk usage of images, containers, volumes and the build cache.

use serde::{Deserialize, Serialize};

use super::System;
use super::build_cache::BuildCache;
use crate::containers::ContainerSummary;
use crate::error::Result;
use crate::images::ImageSummary;
use crate::version::Version;
use crate::volumes::Volume;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static DF: Operation<Json<DiskUsage>> = Operation::get("SystemDataUsage", "/system/df").slow();

impl System<'_> {
    /// Measures the disk usage; this may take the engine a long time.
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

/// Options of the measurement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataUsage {
    /// The kinds of resources; empty for all. Since API 1.42.
    pub types: Vec<UsageType>,
    /// List each resource, in the new form. Since API 1.52; older engines always list them.
    pub verbose: bool,
}

impl DataUsage {
    fn query(&self) -> Query {
        Query::new()
            .each("type", &self.types)
            .flag("verbose", self.verbose)
    }
}

/// A kind of resource that takes disk space.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UsageType {
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Volumes.
    Volume,
    /// The build cache.
    BuildCache,
    /// A value that this crate does not know.
    Other(String),
}

open_enum!(UsageType {
    Container = "container",
    Image = "image",
    Volume = "volume",
    BuildCache = "build-cache",
});

/// The disk usage of all resources. Definition `SystemDataUsageResponse`, within the operation.
///
/// There are two forms: the lists, and since API 1.52 the four `…_usage`. Engines with the new form
/// send both, but with [`DataUsage::verbose`] only the new form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct DiskUsage {
    /// Bytes of all layers of all images. Old form.
    pub layers_size: i64,
    /// The images. Old form.
    pub images: Vec<ImageSummary>,
    /// The containers, with their sizes. Old form.
    pub containers: Vec<ContainerSummary>,
    /// The volumes, with their sizes. Old form.
    pub volumes: Vec<Volume>,
    /// The build cache. Old form.
    pub build_cache: Vec<BuildCache>,
    /// Always 0. Until API 1.41.
    pub builder_size: i64,

    /// The images. Since API 1.52.
    pub image_usage: Option<ObjectUsage<ImageSummary>>,
    /// The containers. Since API 1.52.
    pub container_usage: Option<ObjectUsage<ContainerSummary>>,
    /// The volumes. Since API 1.52.
    pub volume_usage: Option<ObjectUsage<Volume>>,
    /// The build cache. Since API 1.52.
    pub build_cache_usage: Option<ObjectUsage<BuildCache>>,
}

/// The disk usage of one kind of resource. Definitions `ImagesDiskUsage`,
/// `ContainersDiskUsage`, `VolumesDiskUsage`, `BuildCacheDiskUsage`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ObjectUsage<T> {
    /// Number of resources in use.
    pub active_count: i64,
    /// Number of resources.
    pub total_count: i64,
    /// Bytes that the removal of unused resources would free.
    pub reclaimable: i64,
    /// Total size in bytes.
    pub total_size: i64,
    /// The resources themselves, with [`DataUsage::verbose`].
    pub items: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn types_repeat_their_key() {
        let usage = DataUsage {
            types: vec![UsageType::Image, UsageType::BuildCache],
            verbose: true,
        };
        assert_eq!(usage.query().as_str(), "type=image&type=build-cache&verbose=true");
        assert_eq!(DataUsage::default().query().as_str(), "");
    }

    #[test]
    fn both_forms_are_read() {
        let old: DiskUsage =
            decode(br#"{"LayersSize":7,"Images":null,"Volumes":[{"Name":"v"}],"BuilderSize":0}"#).unwrap();
        assert_eq!((old.layers_size, old.volumes.len()), (7, 1));
        assert_eq!(old.image_usage, None);
        let new: DiskUsage =
            decode(br#"{"VolumeUsage":{"TotalCount":1,"TotalSize":9,"Items":[{"Name":"v"}]}}"#).unwrap();
        let volumes = new.volume_usage.unwrap();
        assert_eq!((volumes.total_size, volumes.items[0].name.as_str()), (9, "v"));
    }
}
