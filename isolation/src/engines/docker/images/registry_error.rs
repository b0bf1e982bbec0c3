//! The error of a registry.

use std::fmt;

use engine_api::auth::RegistryFailure;
use engine_api::images::ImageReference;

use super::super::NAME;
use super::super::diagnostics::to_error;
use crate::error::{Error, ErrorKind};

/// A registry, or the way to it, failed during a pull, a push or a build.
///
/// It is the source of an [`Error`], and the daemon's own error is its source.
#[derive(Debug)]
pub struct RegistryError {
    registry: String,
    /// Whether the name of the image has neither a tag nor a digest.
    untagged: bool,
    failure: RegistryFailure,
    /// Why no credentials were sent; empty if that is not known.
    no_credentials: String,
    source: engine_api::Error,
}

impl RegistryError {
    /// The registry: `docker.io`, `registry.test:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Why it failed.
    pub fn failure(&self) -> RegistryFailure {
        self.failure
    }

    /// The error of a call about an image. `no_credentials` is the reason why none were sent.
    pub(super) fn of(error: engine_api::Error, image: &str, no_credentials: String) -> Error {
        let Some(failure) = error.registry_failure() else {
            return to_error(error);
        };
        let reference = image.parse::<ImageReference>();
        let latest = |one: &ImageReference| one.tag() == Some("latest") && one.digest().is_none();
        let untagged = !image.ends_with(":latest") && reference.as_ref().is_ok_and(latest);
        let registry = reference.map_or_else(|_| "docker.io".to_owned(), |one| one.registry().to_owned());
        let kind = match failure {
            RegistryFailure::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Engine,
        };
        let source = Self {
            registry,
            untagged,
            failure,
            no_credentials,
            source: error,
        };
        Error::engine_with_kind(NAME, kind, source)
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = &self.registry;
        match self.failure {
            RegistryFailure::NotFound if self.untagged => write!(
                f,
                "the registry {registry} has no such image with the tag latest, or it is private; the name \
                 has no tag, so latest is meant; check the name, and add a tag"
            ),
            RegistryFailure::NotFound => write!(
                f,
                "the registry {registry} has no such image, or it is private; check the name and the tag"
            ),
            RegistryFailure::Unauthorized if self.no_credentials.is_empty() => {
                write!(
                    f,
                    "the registry {registry} requires credentials, or rejects those that were sent"
                )
            }
            RegistryFailure::Unauthorized => write!(
                f,
                "the registry {registry} requires credentials; no credentials found: {}",
                self.no_credentials
            ),
            RegistryFailure::NoPlatform => write!(
                f,
                "the registry {registry} does not have the image for this platform; name another platform"
            ),
            RegistryFailure::RateLimited => {
                write!(
                    f,
                    "the registry {registry} limits requests; log in, use a mirror, or try again later"
                )
            }
            RegistryFailure::Unreachable => write!(
                f,
                "the daemon cannot reach the registry {registry}; check its network, or use a mirror"
            ),
            other => write!(f, "the registry {registry}: {other}"),
        }
    }
}

impl std::error::Error for RegistryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
