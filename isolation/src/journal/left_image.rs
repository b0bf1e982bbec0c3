//! An image that was left to others, because they used it when its environment was removed.

use serde::{Deserialize, Serialize};

use crate::environment::id::EnvironmentId;

/// The kind of images among the resources of an entry.
pub(crate) const IMAGE: &str = "image";

/// An image that no environment needs any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LeftImage {
    pub(crate) engine: String,
    pub(crate) address: String,
    /// The name, with a tag.
    pub(crate) image: String,
}

impl LeftImage {
    /// The random tag of an image of ours; `None` for other names.
    pub(crate) fn tag(image: &str) -> Option<EnvironmentId> {
        let (_, tag) = image.rsplit_once(':')?;
        tag.parse().ok()
    }
}
