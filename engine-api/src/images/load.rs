//! Load images from a tar archive.

use super::Images;
use super::platform;
use super::progress::Progress;
use super::save::PLATFORMS;
use crate::common::OciPlatform;
use crate::error::Result;
use crate::wire::body::Upload;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

pub(super) static LOAD: Operation<Lines<Progress>> = Operation::post("ImageLoad", "/images/load").slow();

impl Images<'_> {
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

/// How to load an archive of images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadImages {
    /// Whether to omit the progress of each layer; `None` is the engine's default, which omits it.
    pub quiet: Option<bool>,
    /// The platforms to load; empty for all. Since API 1.48; more than one since API 1.52.
    pub platforms: Vec<OciPlatform>,
}

impl LoadImages {
    fn query(&self) -> Query {
        Query::new()
            .maybe("quiet", self.quiet)
            .each("platform", platform::all_as_json(&self.platforms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_sends_quiet_only_when_it_is_set() {
        assert_eq!(LoadImages::default().query().as_str(), "");
        let load = LoadImages {
            quiet: Some(false),
            ..Default::default()
        };
        assert_eq!(load.query().as_str(), "quiet=false");
    }
}
