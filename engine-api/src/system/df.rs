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

/// What to measure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataUsage {
    /// The kinds of things; empty for all. Since API 1.42.
    pub types: Vec<UsageType>,
    /// List the things one by one, in the new form. Since API 1.52; before, they always are.
    pub verbose: bool,
}

impl DataUsage {
    fn query(&self) -> Query {
        Query::new()
            .each("type", &self.types)
            .flag("verbose", self.verbose)
    }
}

/// A kind of thing that takes disk space.
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
    /// A word this crate does not know.
    Other(String),
}

open_enum!(UsageType {
    Container = "container",
    Image = "image",
    Volume = "volume",
    BuildCache = "build-cache",
});

/// How much disk space everything takes. Definition `SystemDataUsageResponse`, within the
/// operation.
///
/// There is an old form, the lists, and a new one since API 1.52, the four `…_usage`. Engines that
/// know the new one send both, but for [`DataUsage::verbose`], which gets the new one alone.
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

/// How much disk space one kind of thing takes. Definitions `ImagesDiskUsage`,
/// `ContainersDiskUsage`, `VolumesDiskUsage`, `BuildCacheDiskUsage`. Since API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ObjectUsage<T> {
    /// How many are in use.
    pub active_count: i64,
    /// How many there are.
    pub total_count: i64,
    /// Bytes that removing the unused ones would free.
    pub reclaimable: i64,
    /// Bytes they take.
    pub total_size: i64,
    /// The things themselves, when [`DataUsage::verbose`] asked for them.
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
