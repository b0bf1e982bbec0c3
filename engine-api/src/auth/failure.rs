//! What a registry refused, told from what engines say of it.

use std::fmt;

use crate::error::Error;

/// Why a registry did not give or take something. See [`Error::registry_failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistryFailure {
    /// Credentials are missing, or they are wrong.
    Unauthorized,
    /// It has no such repository, or no such tag in it.
    NotFound,
    /// It has the image, but not for this platform.
    NoPlatform,
    /// It was asked too often; it will answer again later.
    RateLimited,
    /// It cannot be reached from the engine.
    Unreachable,
}

impl fmt::Display for RegistryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "credentials are missing or wrong",
            Self::NotFound => "the registry has no such image",
            Self::NoPlatform => "the registry does not have the image for this platform",
            Self::RateLimited => "the registry was asked too often",
            Self::Unreachable => "the engine cannot reach the registry",
        })
    }
}

/// The operations in which engines speak with registries.
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

/// What engines say, in small letters, and what it means. They answer 500 to most of it, or 200 and say
/// it in the stream. All but the rate limit, which no registry at hand has, is in recordings.
const WORDS: [(&str, RegistryFailure); 8] = [
    // Docker, both stores. The containerd store answers 404 to it, so the words come before the status.
    ("no matching manifest", RegistryFailure::NoPlatform),
    // Podman.
    ("no image found in image index", RegistryFailure::NoPlatform),
    // The code that registries answer with (OCI distribution specification), passed on by engines.
    ("toomanyrequests", RegistryFailure::RateLimited),
    // Docker, when there are no credentials.
    ("no basic auth credentials", RegistryFailure::Unauthorized),
    // Docker's graph drivers and Podman, when they are wrong.
    ("authentication required", RegistryFailure::Unauthorized),
    // Docker's containerd store, and `docker login`, when they are wrong.
    ("401 unauthorized", RegistryFailure::Unauthorized),
    // The registry's own word, in a stream or behind a 500.
    ("manifest unknown", RegistryFailure::NotFound),
    // The engine's network.
    ("connection refused", RegistryFailure::Unreachable),
];

/// What `error` says of a registry.
pub(crate) fn failure(error: &Error) -> Option<RegistryFailure> {
    let operation = error.operation()?;
    if !OPERATIONS.contains(&operation) {
        return None;
    }
    let text = error.message()?.to_lowercase();
    let worded = || {
        let found = WORDS.iter().find(|(words, _)| text.contains(words));
        found.map(|(_, failure)| *failure)
    };
    match error.status() {
        Some(401) => Some(RegistryFailure::Unauthorized),
        Some(429) => Some(RegistryFailure::RateLimited),
        // The engine itself has no such image, as Podman says before it asks the registry.
        Some(404) if operation == "ImagePush" => worded(),
        Some(404) if error.is_not_found() => worded().or(Some(RegistryFailure::NotFound)),
        _ => worded(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use http::StatusCode;

    fn told(operation: &'static str, status: u16, message: &str) -> Option<RegistryFailure> {
        let status = StatusCode::from_u16(status).unwrap();
        let message = message.to_owned();
        let cause = match status.as_u16() {
            200 => Cause::Stream { message, code: None },
            _ => Cause::Api { status, message },
        };
        Error::local(cause).in_call(operation, None).registry_failure()
    }

    #[test]
    fn the_same_failure_is_told_whichever_way_it_is_said() {
        use RegistryFailure::{NoPlatform, NotFound, RateLimited, Unauthorized};
        let pull = |status, message| told("ImageCreate", status, message);
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
            told("ImagePush", 404, "failed to find image x: image not known"),
            None
        );
    }

    #[test]
    fn only_what_speaks_with_registries_is_judged() {
        let said = "a process printed: connection refused";
        assert_eq!(told("ContainerStart", 500, said), None);
        assert_eq!(told("ImageCreate", 500, said), Some(RegistryFailure::Unreachable));
    }
}
