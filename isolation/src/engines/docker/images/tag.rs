//! Gives an image another name.

use super::{Images, local_error};
use crate::error::Result;

impl Images<'_> {
    /// Gives an image one more name, `name[:tag]`.
    ///
    /// # Errors
    ///
    /// The kind is [`NotFound`](crate::ErrorKind::NotFound) without such an image.
    pub async fn tag(&self, image: &str, name: &str) -> Result<()> {
        let docker = self.engine.docker().await?;
        let tagged = docker.images().tag(image, name).await;
        tagged.map_err(|error| local_error(error).during("tag the image", image))
    }
}
