//! Stores images in archives, and loads them from there.

use engine_api::images::{LoadImages, SaveImages};
use engine_api::{RawBytes, Upload};

use super::super::diagnostics::to_error;
use super::{Images, absent, is_absent};
use crate::error::Result;

/// The report of a daemon about each image of an archive.
const LOADED: [&str; 2] = ["Loaded image: ", "Loaded image ID: "];

impl Images<'_> {
    /// Reads images as a tar archive, piece by piece, which [`load`](Self::load) and `docker load`
    /// take.
    ///
    /// # Errors
    ///
    /// The kind is [`NotFound`](crate::ErrorKind::NotFound) without one of the images.
    pub async fn save(&self, images: &[&str]) -> Result<RawBytes> {
        let docker = self.engine.docker().await?;
        let saved = docker.images().save_all(images, SaveImages::default()).await;
        match saved {
            Ok(archive) => Ok(archive),
            Err(error) => {
                // Podman replies with 500.
                let asks = error.status().is_some();
                for image in images.iter().filter(|_| asks) {
                    if is_absent(docker, image).await {
                        return Err(absent().during("save the image", image));
                    }
                }
                Err(to_error(error).during("save the images", &images.join(" ")))
            }
        }
    }

    /// Loads the images of an archive; returns their names, and the IDs of images without a name.
    pub async fn load(&self, archive: impl Into<Upload>) -> Result<Vec<String>> {
        let docker = self.engine.docker().await?;
        let loaded = async {
            let mut names = Vec::new();
            let mut lines = docker.images().load(archive, LoadImages::default()).await?;
            while let Some(line) = lines.next().await {
                let line = line?;
                let named = line
                    .stream
                    .lines()
                    .filter_map(|text| LOADED.iter().find_map(|begin| text.strip_prefix(begin)));
                names.extend(
                    named
                        .flat_map(|names| names.split(','))
                        .map(|name| name.trim().to_owned()),
                );
            }
            Ok(names)
        };
        let loaded: engine_api::Result<Vec<String>> = loaded.await;
        loaded.map_err(|error| to_error(error).during("load the images of an archive", ""))
    }
}
