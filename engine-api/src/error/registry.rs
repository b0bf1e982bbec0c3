//! Failures of registries, recognised in the messages of engines.

use std::fmt;

use super::Error;

/// Why a registry did not accept a request. See [`Error::registry_failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistryFailure {
    /// Credentials are missing or invalid.
    Unauthorized,
    /// The registry has no such repository or tag.
    NotFound,
    /// The registry has the image, but not for this platform.
    NoPlatform,
    /// The registry limits requests; a later one will succeed.
    RateLimited,
    /// The engine cannot reach the registry.
    Unreachable,
}

impl fmt::Display for RegistryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "credentials are missing or invalid",
            Self::NotFound => "the registry has no such image",
            Self::NoPlatform => "the registry does not have the image for this platform",
            Self::RateLimited => "the registry limits requests; try again later",
            Self::Unreachable => "the engine cannot reach the registry",
        })
    }
}

/// The operations in which engines talk to registries.
const OPERATIONS: [&str; 10] = [
    "DistributionInspect",
    "GetPluginPrivileges",
    "ImageBuild",
    "ImageCreate",
    "ImagePush",
    "ImageSearch",
    "PluginPull",
    "PluginPush",
    "PluginUpgrade",
    "SystemAuth",
];

/// Messages of engines in lower case, and what they mean. Engines send most of them with status
/// 500, or in a stream that began with 200. Recordings of real engines hold all but that of the
/// rate limit.
const MESSAGES: [(&str, RegistryFailure); 8] = [
    // Docker, both stores. The containerd store answers 404 to it, so the message is read before
    // the status.
    ("no matching manifest", RegistryFailure::NoPlatform),
    // Podman.
    ("no image found in image index", RegistryFailure::NoPlatform),
    // The code that registries answer with (OCI distribution specification), passed on by engines.
    ("toomanyrequests", RegistryFailure::RateLimited),
    // Docker, when there are no credentials.
    ("no basic auth credentials", RegistryFailure::Unauthorized),
    // Docker's graph drivers and Podman, when credentials are invalid.
    ("authentication required", RegistryFailure::Unauthorized),
    // Docker's containerd store, and `docker login`, when credentials are invalid.
    ("401 unauthorized", RegistryFailure::Unauthorized),
    // The registry's own message, in a stream or with a 500.
    ("manifest unknown", RegistryFailure::NotFound),
    // The engine's network.
    ("connection refused", RegistryFailure::Unreachable),
];

impl Error {
    /// Why a registry refused or failed, the same on every engine. `None` if the error is not known
    /// to come from a registry.
    ///
    /// Engines report such a failure in different ways: with 401, with 500, or with 200 and an
    /// error in the stream.
    pub fn registry_failure(&self) -> Option<RegistryFailure> {
        let operation = self.operation()?;
        if !OPERATIONS.contains(&operation) {
            return None;
        }
        if self.is_html() {
            return None;
        }
        let text = self.message()?.to_lowercase();
        let by_message = || {
            let found = MESSAGES.iter().find(|(words, _)| text.contains(words));
            found.map(|(_, failure)| *failure)
        };
        match self.status() {
            Some(401) => Some(RegistryFailure::Unauthorized),
            Some(429) => Some(RegistryFailure::RateLimited),
            // Podman has no such image itself, and has not asked the registry.
            Some(404) if operation == "ImagePush" => by_message(),
            Some(404) if self.is_not_found() => by_message().or(Some(RegistryFailure::NotFound)),
            _ => by_message(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use http::StatusCode;

    fn failure(operation: &'static str, status: u16, message: &str) -> Option<RegistryFailure> {
        let status = StatusCode::from_u16(status).unwrap();
        let message = message.to_owned();
        let cause = match status.as_u16() {
            200 => Cause::Stream { message, code: None },
            _ => Cause::Api { status, message },
        };
        Error::local(cause).in_call(operation, None).registry_failure()
    }

    #[test]
    fn one_failure_in_many_forms_is_recognised() {
        use RegistryFailure::{NoPlatform, NotFound, RateLimited, Unauthorized};
        let pull = |status, message| failure("ImageCreate", status, message);
        assert_eq!(pull(401, "any words"), Some(Unauthorized));
        assert_eq!(
            pull(500, "unauthorized: authentication required"),
            Some(Unauthorized)
        );
        assert_eq!(pull(404, "x: not found"), Some(NotFound));
        assert_eq!(
            pull(404, "no matching manifest for a/b: not found"),
            Some(NoPlatform)
        );
        assert_eq!(pull(200, "toomanyrequests: slow down"), Some(RateLimited));
        assert_eq!(pull(429, ""), Some(RateLimited));
        assert_eq!(pull(500, "no space left on device"), None);
        assert_eq!(pull(404, "page not found"), None);
        assert_eq!(
            failure("ImagePush", 404, "failed to find image x: image not known"),
            None
        );
    }

    #[test]
    fn other_operations_have_no_registry_failure() {
        let message = "a process printed: connection refused";
        assert_eq!(failure("ContainerStart", 500, message), None);
        assert_eq!(
            failure("ImageCreate", 500, message),
            Some(RegistryFailure::Unreachable)
        );
    }
}
