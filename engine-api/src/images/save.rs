//! Save images as a tar archive.

use super::Images;
use super::platform;
use crate::common::OciPlatform;
use crate::error::Result;
use crate::version::Version;
use crate::wire::decode::Raw;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::RawBytes;

pub(super) static SAVE: Operation<Raw> = Operation::get("ImageGet", "/images/{name}/get").slow().slashes();

pub(super) static SAVE_ALL: Operation<Raw> = Operation::get("ImageGetAll", "/images/get").slow();

impl Images<'_> {
    /// Reads an image as a tar archive for [`Images::load`].
    pub async fn save(&self, image: &str, options: SaveImages) -> Result<RawBytes> {
        let platforms = !options.platforms.is_empty();
        let call = self.docker.call(&SAVE).at(image).query(options.query());
        call.needs(platforms, "SaveImages::platforms", PLATFORMS)
            .send()
            .await
    }

    /// Like [`Images::save`], for several images in one archive.
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
}

/// The first version with `platform` on save and load.
pub(super) const PLATFORMS: Version = Version::new(1, 48);

/// The contents of the archive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SaveImages {
    /// The platforms to save; empty for all. Since API 1.48; more than one since API 1.52.
    pub platforms: Vec<OciPlatform>,
}

impl SaveImages {
    /// The query for one image. Its name is in the path.
    fn query(&self) -> Query {
        self.query_all([""; 0])
    }

    /// The query for several images.
    pub(crate) fn query_all(&self, names: impl IntoIterator<Item: AsRef<str>>) -> Query {
        Query::new()
            .each("names", names)
            .each("platform", platform::all_as_json(&self.platforms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn save_repeats_the_key_for_each_name() {
        let save = SaveImages::default();
        assert_eq!(save.query_all(["a:1", "b"]).as_str(), "names=a%3A1&names=b");
        assert_eq!(save.query().as_str(), "");
    }
}
