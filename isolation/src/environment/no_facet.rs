//! The error of a facet that an environment does not have.

use super::shared::Shared;
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::error::{Error, ErrorKind};

impl Shared {
    /// The error of a facet that the environment does not have. The engine may have it: only some
    /// environments have a main process.
    pub(crate) fn no_facet(&self, feature: Feature) -> Error {
        let Some(reason) = self.capabilities.reason(feature) else {
            let text = format!("the environment has no {feature}; create one with it");
            return Error::new(ErrorKind::Unsupported, text);
        };
        let reason = reason.to_owned();
        Error::unsupported(&self.engine, vec![MissingFeature { feature, reason }])
    }
}
