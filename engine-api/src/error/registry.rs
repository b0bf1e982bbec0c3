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

/// The message of Docker that a repository is missing or private.
const MAYBE_PRIVATE: &str = "repository does not exist or may require 'docker login'";

/// The message of BuildKit when it needs a session with the client. It needs credentials, because
/// secrets and ssh are rejected before a build is sent.
const NO_SESSION: &str = "no active sessions";

/// Messages of engines in lower case, and their meanings. Engines send most of them with status
/// 500, or in a stream that began with 200. Recordings of real engines contain all of them, except
/// those of the rate limit and of failed networks.
const MESSAGES: [(&str, RegistryFailure); 18] = [
    // Docker, for a repository that is missing or private: Docker Hub does not distinguish them.
    (MAYBE_PRIVATE, RegistryFailure::NotFound),
    // Docker, both stores. The status of the containerd store is 404, so the message is read before
    // the status.
    ("no matching manifest", RegistryFailure::NoPlatform),
    // Podman.
    ("no image found in image index", RegistryFailure::NoPlatform),
    // The error code of registries (OCI distribution specification), which engines pass on.
    ("toomanyrequests", RegistryFailure::RateLimited),
    // The error code of registries when there are no credentials for a push.
    (
        "requested access to the resource is denied",
        RegistryFailure::Unauthorized,
    ),
    // Docker 20.10, when a push has no credentials.
    ("missing x-registry-auth", RegistryFailure::Unauthorized),
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
    ("connection reset", RegistryFailure::Unreachable),
    ("no such host", RegistryFailure::Unreachable),
    ("server misbehaving", RegistryFailure::Unreachable),
    ("no route to host", RegistryFailure::Unreachable),
    ("network is unreachable", RegistryFailure::Unreachable),
    ("i/o timeout", RegistryFailure::Unreachable),
    ("handshake timeout", RegistryFailure::Unreachable),
];

impl Error {
    /// Why a registry refused the request or failed, in the same form for every engine. `None` if
    /// the error does not come from a registry, or that is unknown.
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
        let text = self.message()?.to_ascii_lowercase();
        let by_message = || {
            let found = MESSAGES.iter().find(|(words, _)| text.contains(words));
            found.map(|(_, failure)| *failure)
        };
        match self.status() {
            Some(401) => Some(RegistryFailure::Unauthorized),
            Some(429) => Some(RegistryFailure::RateLimited),
            // Podman itself has no such image, and did not ask the registry.
            Some(404) if operation == "ImagePush" => by_message(),
            Some(404) if self.is_not_found() => by_message().or(Some(RegistryFailure::NotFound)),
            _ => by_message(),
        }
    }
}

impl Error {
    /// The remedy when a registry requires credentials, with the name of the registry.
    pub(super) fn credentials_hint(&self) -> Option<String> {
        let message = self.message()?;
        if self.operation() == Some("ImageBuild") && message.contains(NO_SESSION) {
            return Some(
                "BuildKit asks the client for the credentials of a registry, and gets none without a session; \
                 build with `Images::build_with_session` (feature `buildkit`), or with the classic builder"
                    .to_owned(),
            );
        }
        let required = match self.registry_failure()? {
            RegistryFailure::Unauthorized => "requires",
            RegistryFailure::NotFound if message.to_ascii_lowercase().contains(MAYBE_PRIVATE) => {
                "may require"
            }
            _ => return None,
        };
        // This call has no other purpose than to check credentials.
        if self.operation() == Some("SystemAuth") {
            return None;
        }
        let named = self.subject().filter(|_| self.operation() != Some("ImageBuild"));
        let registry = named.map(registry_of).or_else(|| registry_in(message));
        let shown = registry.map_or("the registry".to_owned(), |name| format!("the registry {name}"));
        let login = match registry {
            None | Some(DOCKER_HUB) => "docker login".to_owned(),
            Some(name) => format!("docker login {name}"),
        };
        Some(match self.0.credentials {
            Some(true) if required == "requires" => format!(
                "{shown} rejects the credentials that were sent; correct them, or log in again with `{login}`"
            ),
            Some(false) => format!(
                "{shown} {required} credentials, and the call sent none; `{login}` stores them, \
                 `auth::Credentials` reads them"
            ),
            _ => format!(
                "{shown} {required} other credentials than those that were sent, if any; \
                 `{login}` stores them, `auth::Credentials` reads them"
            ),
        })
    }
}

/// The name of Docker Hub.
const DOCKER_HUB: &str = "docker.io";

/// The registry in the name of an image: the first part, if it can be a host.
fn registry_of(image: &str) -> &str {
    let first = image.split_once('/').map(|(first, _)| first);
    first.filter(|first| is_host(first)).unwrap_or(DOCKER_HUB)
}

fn is_host(name: &str) -> bool {
    name.contains(['.', ':']) || name == "localhost"
}

/// The registry in a message: the start of an image name or of a URL.
fn registry_in(message: &str) -> Option<&str> {
    let words = message.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')'));
    let mut hosts = words.filter_map(|word| {
        let name = word.split_once("://").map_or(word, |(_, rest)| rest);
        let (host, path) = name.split_once('/')?;
        (is_host(host) && host.starts_with(char::is_alphanumeric) && !path.is_empty()).then_some(host)
    });
    hosts.next()
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
        for down in [
            "dial tcp: lookup reg.test: no such host",
            "dial tcp 10.0.0.1:443: i/o timeout",
            "net/http: TLS handshake timeout",
            "connect: network is unreachable",
        ] {
            assert_eq!(pull(500, down), Some(RegistryFailure::Unreachable), "{down}");
        }
        assert_eq!(pull(500, "no space left on device"), None);
        assert_eq!(pull(404, "page not found"), None);
        assert_eq!(
            failure("ImagePush", 404, "failed to find image x: image not known"),
            None
        );
    }

    fn hint(operation: &'static str, subject: Option<&str>, sent: Option<bool>, message: &str) -> String {
        let message = message.to_owned();
        let error = Error::local(Cause::Stream { message, code: None });
        let error = error.in_call(operation, subject).with_credentials(sent);
        error.credentials_hint().unwrap_or_default()
    }

    #[test]
    fn missing_credentials_name_the_registry() {
        let private = Some("127.0.0.1:5000/team/app:1");
        for message in [
            "Head \"http://127.0.0.1:5000/v2/team/app/manifests/1\": no basic auth credentials",
            "unauthorized: authentication required",
            "push access denied, repository does not exist or may require authorization: \
             authorization failed: no basic auth credentials",
            "unknown: unexpected status from HEAD request to http://127.0.0.1:5000/v2/x: 401 Unauthorized",
            "checking whether a blob sha256:8b exists in 127.0.0.1:5000/team/app: authentication required",
            "denied: requested access to the resource is denied",
            "Bad parameters and missing X-Registry-Auth: EOF",
        ] {
            let missing = hint("ImagePush", private, Some(false), message);
            let expected = "the registry 127.0.0.1:5000 requires credentials, and the call sent none; \
                            `docker login 127.0.0.1:5000` stores";
            assert!(missing.starts_with(expected), "{message}: {missing}");
            let wrong = hint("ImagePush", private, Some(true), message);
            assert!(
                wrong.starts_with("the registry 127.0.0.1:5000 rejects the credentials"),
                "{wrong}"
            );
        }
        let hub = hint(
            "ImagePush",
            Some("alice/app"),
            Some(false),
            "denied: requested access to the resource is denied",
        );
        assert!(
            hub.contains("docker.io") && hub.contains("`docker login` "),
            "{hub}"
        );
        let private =
            "pull access denied for alice/app, repository does not exist or may require 'docker login'";
        let hub = hint("ImageCreate", Some("alice/app"), Some(false), private);
        assert!(
            hub.starts_with("the registry docker.io may require credentials"),
            "{hub}"
        );
        assert_eq!(
            hint("ImageCreate", Some("x"), Some(false), "manifest unknown"),
            ""
        );
        assert_eq!(
            hint("ContainerStart", Some("x"), None, "authentication required"),
            ""
        );
        assert_eq!(hint("SystemAuth", None, None, "401 Unauthorized"), "");
        let no_session = "failed to resolve x: no active sessions";
        let session = hint("ImageBuild", Some("mine:1"), Some(true), no_session);
        assert!(
            session.contains("build with `Images::build_with_session`"),
            "{session}"
        );
        assert_eq!(hint("ImageCreate", Some("x"), Some(true), no_session), "");
    }

    #[test]
    fn registry_of_a_build_is_read_from_the_message() {
        for (message, named) in [
            (
                "Head \"http://127.0.0.1:5000/v2/multi/busybox\": no basic auth credentials",
                "127.0.0.1:5000",
            ),
            (
                "failed to resolve \"localhost/x:1\": no basic auth credentials",
                "localhost",
            ),
            (
                "reading manifest latest in reg.example.com/x: authentication required",
                "reg.example.com",
            ),
            (
                "initializing source docker://reg.example.com:1/x:latest: authentication required",
                "reg.example.com:1",
            ),
        ] {
            let text = hint("ImageBuild", Some("mine:1"), Some(false), message);
            assert!(
                text.starts_with(&format!("the registry {named} requires")),
                "{message}: {text}"
            );
        }
        let unnamed = hint(
            "ImageBuild",
            Some("mine:1"),
            None,
            "unauthorized: authentication required",
        );
        assert!(
            unnamed.starts_with("the registry requires other credentials"),
            "{unnamed}"
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
