//! From what the image of an environment is built.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units;
use super::validate::{self, Faults};
use super::variables::Variables;
use crate::error::Error;

/// From what the image of an environment is built, unless an image of the same content exists: of
/// the same files, arguments and base images.
///
/// ```
/// let spec = isolation::EnvironmentSpec::from_json(r#"{
///     "build": {"context": ".", "target": "test", "args": {"VERSION": "7"}}
/// }"#)?;
/// assert_eq!(spec.build.unwrap().target, "test");
/// # isolation::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ImageBuild {
    /// The directory with the Dockerfile and the files that it copies, without those that its
    /// `.dockerignore` excludes. A relative path starts at the working directory of this process.
    #[serde(serialize_with = "units::serialize_path")]
    #[cfg_attr(feature = "schema", schemars(with = "PathBuf"))]
    pub context: PathBuf,
    /// The path of the Dockerfile in the directory; empty is `Dockerfile`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub dockerfile: String,
    /// The stage that is built; empty is the last one.
    #[serde(skip_serializing_if = "super::is_default")]
    pub target: String,
    /// Values for the `ARG` instructions. `Debug` does not show them.
    #[serde(skip_serializing_if = "super::is_default")]
    pub args: Variables,
    /// Build even if an image of the same content exists, without the cache of the engine.
    #[serde(skip_serializing_if = "super::is_default")]
    pub no_cache: bool,
    /// Pull the base images, even if the engine has them.
    #[serde(skip_serializing_if = "super::is_default")]
    pub pull: bool,
}

impl ImageBuild {
    /// Builds from a directory.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self {
            context: path.into(),
            ..Self::default()
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        let found = validate::source("the directory of a build", &self.context);
        if found.is_ok() && !self.context.is_dir() {
            let why = format!(
                "the directory of a build is not a directory: {}",
                self.context.display()
            );
            faults.add(Err(Error::invalid(why)));
        }
        faults.add(found);
        validate::variables(&self.args, faults);
    }
}
