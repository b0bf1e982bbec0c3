//! Images coming and going: from and to registries, from and to tar files.

use super::{ImageReference, Images, ImportImage, LoadImages, Progress, PullImage, PushImage, SaveImages};
use crate::auth::RegistryAuth;
use crate::error::{Error, Result};
use crate::version::Version;
use crate::wire::body::{Body, Upload};
use crate::wire::decode::{Lines, Raw};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::{JsonLines, RawBytes};

static CREATE: Operation<Lines<Progress>> = Operation::post("ImageCreate", "/images/create").slow();
static PUSH: Operation<Lines<Progress>> = Operation::post("ImagePush", "/images/{name}/push")
    .slow()
    .slashes();
static SAVE: Operation<Raw> = Operation::get("ImageGet", "/images/{name}/get").slow().slashes();
static SAVE_ALL: Operation<Raw> = Operation::get("ImageGetAll", "/images/get").slow();
static LOAD: Operation<Lines<Progress>> = Operation::post("ImageLoad", "/images/load").slow();

pub(super) static OPERATIONS: [&OperationInfo; 5] =
    [&CREATE.info, &PUSH.info, &SAVE.info, &SAVE_ALL.info, &LOAD.info];

/// The first version with `platform` on save and load.
const PLATFORMS: Version = Version::new(1, 48);

impl Images<'_> {
    /// Pulls an image from its registry: the tag named, or `latest`.
    ///
    /// The pull is done when the stream has ended without an error; dropping the stream stops it.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::images::PullImage;
    ///
    /// let progress = docker.images().pull("busybox", PullImage::default(), None).await?;
    /// progress.last().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// 404 when the registry has no such image, 401 or 500 when it wants other credentials; what fails
    /// later is an error of the stream ([`crate::ErrorKind::Stream`]).
    pub async fn pull(
        &self,
        image: &str,
        options: PullImage,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        let (reference, wrong) = parsed(image);
        let query = reference
            .map(|reference| options.query(&reference))
            .unwrap_or_default();
        let call = self
            .docker
            .call(&CREATE)
            .about(image)
            .query(query)
            .reject_if(wrong);
        call.auth(auth).send().await
    }

    /// Makes an image of one layer from a tar archive of a file system, plain or compressed.
    pub async fn import(
        &self,
        archive: impl Into<Upload>,
        options: ImportImage,
    ) -> Result<JsonLines<Progress>> {
        let from = options.from.is_some();
        let body = if from { Body::Empty } else { archive.into().0 };
        self.docker
            .call(&CREATE)
            .about(&options.repo)
            .query(options.query())
            .tar(body)
            .send()
            .await
    }

    /// Pushes an image to the registry that its name says: the tag named, or `latest`.
    pub async fn push(
        &self,
        image: &str,
        options: PushImage,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        let (reference, wrong) = parsed(image);
        let name = reference
            .as_ref()
            .map_or_else(|| image.to_owned(), ImageReference::familiar_name);
        let query = reference
            .map(|reference| options.query(&reference))
            .unwrap_or_default();
        // Engines before 28 refuse a push without the header, even where no credentials are needed.
        let anonymous = RegistryAuth::default();
        let call = self.docker.call(&PUSH).at(&name).query(query).reject_if(wrong);
        let call = call.needs(
            options.platform.is_some(),
            "PushImage::platform",
            Version::new(1, 46),
        );
        call.auth(Some(auth.unwrap_or(&anonymous))).send().await
    }

    /// Reads an image as a tar archive that [`Images::load`] takes.
    pub async fn save(&self, image: &str, options: SaveImages) -> Result<RawBytes> {
        let platforms = !options.platforms.is_empty();
        let call = self.docker.call(&SAVE).at(image).query(options.query());
        call.needs(platforms, "SaveImages::platforms", PLATFORMS)
            .send()
            .await
    }

    /// As [`Images::save`], for several images in one archive.
    pub async fn save_all(&self, images: &[&str], options: SaveImages) -> Result<RawBytes> {
        let none = images
            .is_empty()
            .then(|| "no image to save; name one or more".to_owned());
        let platforms = !options.platforms.is_empty();
        let call = self
            .docker
            .call(&SAVE_ALL)
            .query(options.query_all(images))
            .reject_if(none);
        call.needs(platforms, "SaveImages::platforms", PLATFORMS)
            .send()
            .await
    }

    /// Loads images from a tar archive that [`Images::save`] or `docker save` wrote.
    pub async fn load(&self, archive: impl Into<Upload>, options: LoadImages) -> Result<JsonLines<Progress>> {
        let platforms = !options.platforms.is_empty();
        let call = self
            .docker
            .call(&LOAD)
            .query(options.query())
            .tar(archive.into().0);
        call.needs(platforms, "LoadImages::platforms", PLATFORMS)
            .send()
            .await
    }
}

/// The reference in a text, or what is wrong with it.
fn parsed(image: &str) -> (Option<ImageReference>, Option<String>) {
    match image.parse() {
        Ok(reference) => (Some(reference), None),
        Err(error) => (None, Some(Error::to_string(&error))),
    }
}
