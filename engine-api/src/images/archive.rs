//! Images as tar files: which ones to save, how to load them.

use super::platform;
use crate::common::OciPlatform;
use crate::wire::query::Query;

/// What to put into the tar.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SaveImages {
    /// The platforms to save; empty for all. Since API 1.48; more than one since API 1.52.
    pub platforms: Vec<OciPlatform>,
}

impl SaveImages {
    /// The query for one image, whose name is in the path.
    pub(crate) fn query(&self) -> Query {
        self.query_all([""; 0])
    }

    /// The query for several images.
    pub(crate) fn query_all(&self, names: impl IntoIterator<Item: AsRef<str>>) -> Query {
        Query::new()
            .each("names", names)
            .each("platform", platform::all_as_json(&self.platforms))
    }
}

/// How to load a tar of images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadImages {
    /// Whether to leave out the progress of each layer; `None` is the engine's default, yes.
    pub quiet: Option<bool>,
    /// The platforms to load; empty for all. Since API 1.48; more than one since API 1.52.
    pub platforms: Vec<OciPlatform>,
}

impl LoadImages {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .maybe("quiet", self.quiet)
            .each("platform", platform::all_as_json(&self.platforms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_platforms_repeat_their_keys() {
        let save = SaveImages::default();
        assert_eq!(save.query_all(["a:1", "b"]).as_str(), "names=a%3A1&names=b");
        assert_eq!(save.query().as_str(), "");
        let load = LoadImages {
            quiet: Some(false),
            ..Default::default()
        };
        assert_eq!(load.query().as_str(), "quiet=false");
    }
}
