//! For authors of engines: volumes of groups.

use std::collections::BTreeMap;
use std::fmt;

use crate::group::spec::GroupVolume;
use crate::spec::lifetime::Lifetime;

/// A volume of a group that an engine finds or creates.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct GroupVolumeRequest<'a> {
    /// The name of the group.
    pub group: &'a str,
    /// The name of the volume in the group.
    pub name: &'a str,
    /// The name that it must have on the engine.
    pub on_engine: Option<&'a str>,
    /// Labels.
    pub labels: &'a BTreeMap<String, String>,
    /// A volume that is to be kept and that exists is used again. Otherwise it is new, and goes
    /// with its guard.
    pub lifetime: Lifetime,
}

impl<'a> GroupVolumeRequest<'a> {
    pub(crate) fn new(
        (group, name): (&'a str, &'a str),
        volume: &'a GroupVolume,
        lifetime: Lifetime,
    ) -> Self {
        Self {
            group,
            name,
            on_engine: volume.name.as_deref(),
            labels: &volume.labels,
            lifetime,
        }
    }
}

/// A volume that an engine has found or created for a group.
#[derive(Debug)]
pub struct ProvidedVolume {
    /// The name on the engine, by which environments mount it.
    pub name: String,
    /// Whether it was created now.
    pub is_new: bool,
    /// Removes the volume when dropped; `None` for a kept one that existed.
    pub guard: Option<Box<dyn VolumeGuard>>,
}

/// Removes a volume when dropped.
pub trait VolumeGuard: fmt::Debug + Send + Sync {
    /// From now on, dropping this does not remove the volume.
    fn keep(&self);
}
