//! Removes an image.

use engine_api::images::RemoveImage;

use super::super::diagnostics::to_error;
use super::Images;
use crate::error::{Error, Result};

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
        let removed = removed.map_err(|error| {
            let error = match error.is_not_found() {
                true => Error::not_found("the daemon has no such image; `isolate image ls` lists the images"),
                false => to_error(error),
            };
            error.during("remove the image", image)
        })?;
        let one = |item: engine_api::images::ImageRemoved| match item.untagged.is_empty() {
            true => item.deleted,
            false => item.untagged,
        };
        Ok(removed.into_iter().map(one).collect())
    }
}
