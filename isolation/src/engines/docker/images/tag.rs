//! Gives an image another name.

use super::super::diagnostics::to_error;
use super::Images;
use crate::error::Result;

impl Images<'_> {
    /// Gives an image one more name, `name[:tag]`.
    pub async fn tag(&self, image: &str, name: &str) -> Result<()> {
        let docker = self.engine.docker().await?;
        let tagged = docker.images().tag(image, name).await;
        tagged.map_err(|error| to_error(error).during("tag the image", image))
    }
}
