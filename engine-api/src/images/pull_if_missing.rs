//! Pull an image if the engine does not have it.

use super::Images;
use super::inspect::InspectImage;
use super::pull::PullImage;
use crate::auth::RegistryAuth;
use crate::error::Result;

impl Images<'_> {
    /// Pulls an image unless the engine has it, like [`Images::pull_with_retry`]. Returns whether
    /// it was pulled.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// if docker.images().pull_if_missing("busybox:1.36", Default::default(), None).await? {
    ///     println!("pulled");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pull_if_missing(
        &self,
        image: &str,
        options: PullImage,
        auth: Option<&RegistryAuth>,
    ) -> Result<bool> {
        match self.inspect(image, InspectImage::default()).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_not_found() => self
                .pull_with_retry(image, options, auth, |_| ())
                .await
                .map(|()| true),
            Err(error) => Err(error),
        }
    }
}
