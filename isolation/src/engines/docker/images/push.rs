//! Pushes an image to its registry.

use engine_api::images::PushImage;

use super::credentials::Login;
use super::registry_error::RegistryError;
use super::tally::Tally;
use super::{Images, absent, is_absent};
use crate::error::Result;
use crate::events::PullProgress;

impl Images<'_> {
    /// Pushes an image to the registry in its name, with the credentials that the docker command
    /// would use. `on_progress` gets each step; its `downloaded` is the number of bytes sent.
    ///
    /// # Errors
    ///
    /// The kind is [`NotFound`](crate::ErrorKind::NotFound) if the daemon does not have the image.
    /// The source is a [`RegistryError`] if the registry is the reason.
    pub async fn push(&self, image: &str, mut on_progress: impl FnMut(&PullProgress)) -> Result<()> {
        let docker = self.engine.docker().await?;
        let mut login = Login::of(image).await;
        let mut tally = Tally::default();
        on_progress(tally.progress());
        let pushed = loop {
            let auth = login.auth.as_ref();
            let pushed: engine_api::Result<()> = async {
                let mut lines = docker.images().push(image, PushImage::default(), auth).await?;
                while let Some(line) = lines.next().await {
                    tally.count(&line?);
                    on_progress(tally.progress());
                }
                Ok(())
            }
            .await;
            match pushed {
                Err(error) if login.renew(&error).await => {}
                pushed => break pushed,
            }
        };
        if let Err(error) = pushed {
            // Docker reports a missing image in the stream, each store in other words.
            let asks = error.kind() != engine_api::ErrorKind::InvalidInput;
            let error = match asks && is_absent(docker, image).await {
                true => absent(),
                false => RegistryError::of(error, image, login.why),
            };
            return Err(error.during("push the image", image));
        }
        on_progress(tally.complete());
        Ok(())
    }
}
