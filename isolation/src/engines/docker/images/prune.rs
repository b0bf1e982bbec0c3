//! Removes images that this crate has built and no container uses.

use engine_api::images::{ImageFilters, ListImages, RemoveImage};

use super::super::diagnostics::to_error;
use super::super::labels;
use super::{BUILT, Images};
use crate::error::Result;

/// The result of a removal of built images.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ImagesPruned {
    /// The names of the removed images.
    pub removed: Vec<String>,
    /// The images that stay, because a container uses them.
    pub used: Vec<String>,
}

impl Images<'_> {
    /// Removes the images that this crate has built, by whichever process, unless a container uses
    /// them. Images that were pulled, and those with a name that somebody else gave them, stay.
    pub async fn prune(&self) -> Result<ImagesPruned> {
        let docker = self.engine.docker().await?;
        let ours = ListImages {
            filters: ImageFilters {
                label: [labels::BUILD].into(),
                ..ImageFilters::default()
            },
            ..ListImages::default()
        };
        let mut pruned = ImagesPruned::default();
        let built = self.entries(ours).await?.into_iter().filter(|image| image.built);
        let with_name = built.filter_map(|image| {
            let own = |name: &&String| name.starts_with(&format!("{BUILT}:"));
            Some((image.names.iter().find(own).cloned()?, image))
        });
        for (name, image) in with_name {
            if image.is_used() {
                pruned.used.push(name);
                continue;
            }
            match docker.images().remove(&name, RemoveImage::default()).await {
                Ok(_) => pruned.removed.push(name),
                // Somebody has begun to use it meanwhile.
                Err(error) if error.is_conflict() => pruned.used.push(name),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(to_error(error).during("remove the image", &name)),
            }
        }
        Ok(pruned)
    }
}
