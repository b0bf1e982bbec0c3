//! An entry of the journal: one environment, and the resources that its engine creates for it.

use serde::{Deserialize, Serialize};

use super::left_image::{IMAGE, LeftImage};
use super::process::{Liveness, Process};
use crate::environment::id::EnvironmentId;
use crate::spec::lifetime::Lifetime;

/// The version of the format. An entry of another version is not changed.
pub(crate) const VERSION: u32 = 1;

/// An environment that exists or will be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) version: u32,
    pub(crate) id: EnvironmentId,
    pub(crate) name: String,
    pub(crate) engine: String,
    /// The address of the engine for other processes: see
    /// [`Engine::address`](crate::Engine::address).
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) session: Option<String>,
    /// When its creation began, in seconds since 1970.
    #[serde(default)]
    pub(crate) created: Option<u64>,
    pub(crate) lifetime: Lifetime,
    /// The process that creates the environment.
    pub(crate) owner: Process,
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
}

/// A resource that an engine creates for an environment in addition to the environment itself: a
/// volume, a network, a directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resource {
    /// The engine's name of the kind: `volume`.
    pub kind: String,
    /// The name by which another process finds it.
    pub name: String,
}

impl Resource {
    /// A resource of this kind.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }
}

impl Entry {
    /// The images with the state of an environment among its resources.
    pub(crate) fn images(&self) -> impl Iterator<Item = LeftImage> + '_ {
        let images = self.resources.iter().filter(|resource| resource.kind == IMAGE);
        images.map(|image| LeftImage {
            engine: self.engine.clone(),
            address: self.address.clone(),
            image: image.name.clone(),
        })
    }

    /// Its other resources.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|resource| resource.kind != IMAGE)
    }

    /// Whether its owner has exited without removing it. A kept environment needs no owner.
    pub(crate) fn is_orphan(&self) -> bool {
        self.lifetime == Lifetime::Owner && self.owner.liveness() == Liveness::Dead
    }

    /// Whether another process has created it that may still run: it may be making the container
    /// anew just now, which takes the volumes over.
    pub(crate) fn is_of_another(&self) -> bool {
        self.owner != Process::current() && self.owner.liveness() != Liveness::Dead
    }
}
