//! Predicates of an error, from its status, message and kind.

use super::Error;
use super::kind::ErrorKind;
use super::registry::RegistryFailure;

impl Error {
    /// The engine has no such object (404 of a known route).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404) && !self.is_unknown_route()
    }

    /// The engine has no such route: it is older, or another program. The HTML page of a proxy
    /// counts, too.
    pub fn is_unknown_route(&self) -> bool {
        let unknown = |message: &str| matches!(message.trim(), "page not found" | "Not Found");
        self.status() == Some(404) && (self.is_html() || self.message().is_some_and(unknown))
    }

    /// The request conflicts with the current state: the name is in use, the container is running …
    /// (409).
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// An object of a swarm has changed since it was read; read it again and update that version.
    ///
    /// Engines report it with status 500, so the message identifies it.
    pub fn is_version_conflict(&self) -> bool {
        self.message()
            .is_some_and(|m| m.contains("update out of sequence"))
    }

    /// The engine forbids the request, such as removing a predefined network (403).
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// Credentials are missing or invalid: 401, or the engine's error for a registry's 401.
    pub fn is_unauthorized(&self) -> bool {
        self.status() == Some(401) || self.registry_failure() == Some(RegistryFailure::Unauthorized)
    }

    /// The feature is switched off in the engine, the default for experimental features (501).
    pub fn is_not_implemented(&self) -> bool {
        self.status() == Some(501)
    }

    /// The engine cannot handle the request in its current role: it is not a manager of a swarm
    /// (503).
    pub fn is_unavailable(&self) -> bool {
        self.status() == Some(503)
    }

    /// The same call may succeed later: the engine cannot be reached, the connection broke, the
    /// engine failed (5xx), or a registry cannot be reached or limits requests.
    ///
    /// A timeout ([`Error::is_timeout`]) and a conflict ([`Error::is_conflict`]) do not count.
    /// Whether to wait longer than the timeout, or for another client to finish, depends on the
    /// caller.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// let engine = loop {
    ///     match docker.system().version().await {
    ///         Err(error) if error.is_transient() => {
    ///             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///         }
    ///         other => break other?,
    ///     }
    /// };
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_transient(&self) -> bool {
        match self.registry_failure() {
            Some(RegistryFailure::RateLimited | RegistryFailure::Unreachable) => true,
            Some(_) => false,
            None => match self.kind() {
                ErrorKind::Unreachable | ErrorKind::Disconnected | ErrorKind::Truncated => true,
                // 501 is permanent: the engine has the feature switched off.
                _ => self.status().is_some_and(|status| status >= 500 && status != 501),
            },
        }
    }

    /// No connection to an engine could be opened.
    pub fn is_unreachable(&self) -> bool {
        self.kind() == ErrorKind::Unreachable
    }

    /// A timeout expired.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The connection broke while the call ran.
    pub fn is_disconnected(&self) -> bool {
        self.kind() == ErrorKind::Disconnected
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::cause::Cause;
    use super::super::kind::Phase;
    use super::super::tests::api;
    use super::*;

    #[test]
    fn page_not_found_is_a_missing_route() {
        assert!(api(404, "page not found").is_unknown_route());
        assert!(!api(404, "page not found").is_not_found());
    }

    #[test]
    fn transient_errors_exclude_timeouts_and_conflicts() {
        let disconnected = || Error::local(Cause::Disconnected(String::new()));
        for error in [api(500, "device or resource busy"), api(503, ""), disconnected()] {
            assert!(error.is_transient(), "{error}");
        }
        let (phase, after) = (Phase::Total, Duration::from_secs(1));
        let timeout = Error::local(Cause::Timeout { phase, after });
        for error in [api(404, ""), api(409, ""), api(501, ""), timeout] {
            assert!(!error.is_transient(), "{error}");
        }
        let pull = |status, message| api(status, message).in_call("ImageCreate", Some("x"));
        assert!(pull(500, "toomanyrequests: slow down").is_transient());
        assert!(!pull(500, "unauthorized: authentication required").is_transient());
    }

    #[test]
    fn status_501_and_503_differ() {
        let (off, role) = (api(501, "experimental"), api(503, "not a swarm manager"));
        assert!(off.is_not_implemented() && !off.is_unavailable());
        assert!(role.is_unavailable() && !role.is_not_implemented());
    }
}
