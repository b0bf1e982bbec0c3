//! Settings that a client adds to its calls.

use std::sync::Arc;

use http::HeaderValue;

use super::Docker;
use crate::connect::ProxyVariables;
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::wire::send::AGENT_TEXT;

impl Docker {
    /// The same client, on the same connections, with the application's name in the header
    /// `User-Agent`: `tool/1.2 engine-api/0.1`.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the text is blank or cannot be in a header.
    pub fn with_user_agent(mut self, application: &str) -> Result<Self> {
        let text = application.trim();
        let agent = HeaderValue::from_str(&format!("{text} {AGENT_TEXT}")).ok();
        let agent = agent.filter(|_| !text.is_empty()).ok_or_else(|| {
            Error::invalid(format!(
                "{application:?} cannot be a user agent; write name/version"
            ))
        })?;
        self.session.extra.set_agent(agent);
        Ok(self)
    }

    /// The same client, on the same connections, with a header in every request, for example for a
    /// proxy in front of the engine. A header with this name in a call overrides it.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidInput`] when the name or the value is invalid, or the client
    /// itself decides the header. The error does not show the value.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self> {
        self.session.extra.add_header(name, value)?;
        Ok(self)
    }

    /// The same client, on the same connections, with the headers and the `User-Agent` of another
    /// one, for example of the client whose connector is recorded.
    #[must_use]
    pub fn with_headers_of(mut self, other: &Self) -> Self {
        self.session.extra.set_headers_of(&other.session.extra);
        self
    }

    /// The same client, on the same connections, with an observer, which receives a report of each
    /// call.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer) -> Self {
        self.session.extra.observer = Some(Arc::new(observer));
        self
    }

    /// The same client, on the same connections, with a span of `tracing` for each call; see
    /// [`Spans`](crate::observe::Spans).
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn with_tracing(self) -> Self {
        self.with_observer(crate::observe::Spans)
    }

    /// The same client, on the same connections, with the default of the keys that detach from a
    /// container; the engine's default is `ctrl-p,ctrl-q`. Clients of the environment use
    /// `detachKeys` of the docker command's configuration.
    #[must_use]
    pub fn with_detach_keys(mut self, keys: &str) -> Self {
        self.session.extra.detach_keys = (!keys.is_empty()).then(|| keys.into());
        self
    }

    /// The keys that detach from a container: those of the call, otherwise those of the client.
    pub(crate) fn detach_keys(&self, keys: String) -> String {
        match &self.session.extra.detach_keys {
            Some(default) if keys.is_empty() => default.to_string(),
            _ => keys,
        }
    }

    /// The environment variables of proxies that the docker command would set in the containers and
    /// builds of this engine. Empty without such a configuration, and for a client that was not
    /// made from the environment or a context.
    pub fn proxy_variables(&self) -> ProxyVariables {
        self.session.extra.proxies.as_deref().cloned().unwrap_or_default()
    }

    /// Sets the number of idle connections that this client and its clones keep; the default is 16.
    /// With 0, each call opens a new connection.
    #[must_use]
    pub fn with_idle_connections(self, most: usize) -> Self {
        self.session.wire().set_most_idle(most);
        self
    }
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use super::*;

    #[test]
    fn spans_are_made_only_with_tracing() {
        let docker = Docker::tcp("h", 2375);
        assert!(docker.session.extra.observer.is_none());
        assert!(docker.with_tracing().session.extra.observer.is_some());
    }
}
