//! Removes an image.

use engine_api::images::RemoveImage;

use super::{Images, local_error};
use crate::error::Result;

impl Images<'_> {
    /// Removes an image, or one of its names while it has others; returns the names and IDs that
    /// were removed. With `force`, also one that stopped containers use, or that has several names
    /// and is named by its ID.
    ///
    /// # Errors
    ///
    /// The kind is [`NotFound`](crate::ErrorKind::NotFound) without such an image, and
    /// [`Conflict`](crate::ErrorKind::Conflict) while a container uses it.
    pub async fn remove(&self, image: &str, force: bool) -> Result<Vec<String>> {
        let docker = self.engine.docker().await?;
        let options = RemoveImage {
            force,
            ..RemoveImage::default()
        };
        let removed = docker.images().remove(image, options).await;
        let removed = removed.map_err(|error| local_error(error).during("remove the image", image))?;
        let one = |item: engine_api::images::ImageRemoved| match item.untagged.is_empty() {
            true => item.deleted,
            false => item.untagged,
        };
        Ok(removed.into_iter().map(one).collect())
    }
}
