//! The additions of a client to its calls: headers, an observer, keys.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, header};

use super::call_context::CallContext;
use super::watch::Watch;
use crate::connect::{Connector, ProxyVariables};
use crate::error::{Error, Result};
use crate::observe::Observer;

/// The additions of a client to its calls. Empty by default.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    headers: Option<Arc<HeaderMap>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The default keys that detach from a container.
    pub(crate) detach_keys: Option<Arc<str>>,
    /// The proxies of containers and builds.
    pub(crate) proxies: Option<Arc<ProxyVariables>>,
}

/// Headers that each call sets itself.
const OWN: [HeaderName; 8] = [
    header::HOST,
    header::USER_AGENT,
    header::CONNECTION,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
];

impl Extra {
    /// Adds a header to every request. It replaces a header with the same name.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<()> {
        // The value may be a secret.
        let invalid = || Error::invalid(format!("the header {name:?} has an invalid name or value"));
        let parsed = HeaderName::try_from(name).map_err(|_invalid| invalid())?;
        if OWN.contains(&parsed) {
            let text = format!(
                "the client sets the header {name:?} itself; for the user agent, use `with_user_agent`"
            );
            return Err(Error::invalid(text));
        }
        let mut value = HeaderValue::from_str(value).map_err(|_invalid| invalid())?;
        value.set_sensitive(true);
        self.headers_mut().insert(parsed, value);
        Ok(())
    }

    /// Sets the `User-Agent`.
    pub(crate) fn set_agent(&mut self, agent: HeaderValue) {
        self.headers_mut().insert(header::USER_AGENT, agent);
    }

    /// Takes over the headers of another client.
    pub(crate) fn set_headers_of(&mut self, other: &Self) {
        self.headers.clone_from(&other.headers);
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        Arc::make_mut(self.headers.get_or_insert_default())
    }

    /// Adds headers that the request does not have.
    pub(crate) fn complete(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers.iter().flat_map(|all| all.iter()) {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// Begins the report of a call, if there is an observer.
    pub(super) fn watch(
        &self,
        context: &CallContext,
        method: &Method,
        path: &str,
        connector: &dyn Connector,
    ) -> Option<Box<Watch>> {
        let observer = self.observer.as_deref()?;
        Some(Watch::begin(
            observer,
            context,
            method,
            path,
            &connector.address(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_call_precede_those_of_the_client() {
        let mut extra = Extra::default();
        extra.add_header("X-Meta", "one").unwrap();
        extra.add_header("x-meta", "two").unwrap();
        let mut headers = HeaderMap::new();
        extra.complete(&mut headers);
        assert_eq!(headers["x-meta"], "two");
        assert!(headers["x-meta"].is_sensitive());
        let mut own =
            HeaderMap::from_iter([(HeaderName::from_static("x-meta"), HeaderValue::from_static("own"))]);
        extra.complete(&mut own);
        assert_eq!(own["x-meta"], "own");
        for (name, value) in [
            ("Host", "x"),
            ("Content-Length", "1"),
            ("a b", "x"),
            ("x", "hunter2\n"),
        ] {
            let error = extra.add_header(name, value).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
