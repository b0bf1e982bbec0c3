//! One call of an operation: from the input of the resources' methods to the typed value.

use std::marker::PhantomData;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Serialize;

use super::body::Body;
use super::decode::Shape;
use super::json;
use super::operation::Operation;
use super::prepared::Prepared;
use super::query::Query;
use super::requirement::{Requirement, Versions};
use super::session::Session;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::version::Version;

/// A call of an operation. The resources' methods fill it in, and [`Call::send`] sends it.
pub(crate) struct Call<'a, R: 'static> {
    prepared: Prepared<'a>,
    reply: PhantomData<fn() -> R>,
}

impl<'a, R: Shape> Call<'a, R> {
    pub(crate) fn new(session: &'a Session, operation: &'static Operation<R>) -> Self {
        Self {
            prepared: Prepared::operation(session, &operation.info),
            reply: PhantomData,
        }
    }

    /// Fills the next placeholder of the path.
    pub(crate) fn at(mut self, name: &'a str) -> Self {
        self.prepared.name(name);
        self
    }

    /// Sets the subject of the call in errors, if no placeholder contains it.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.prepared.context.subject = (!subject.is_empty()).then(|| subject.into());
        self
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.prepared.query = query;
        self
    }

    /// Sends `value` as JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match json::encode(value) {
            Ok(bytes) => self.prepared.body = Body::Full(bytes.into()),
            Err(error) => self
                .prepared
                .reject(format!("the value to send cannot be written as JSON: {error}")),
        }
        self.content_type("application/json")
    }

    /// Sends a tar archive.
    pub(crate) fn tar(mut self, body: Body) -> Self {
        self.prepared.body = body;
        self.content_type("application/x-tar")
    }

    fn content_type(mut self, value: &'static str) -> Self {
        let value = HeaderValue::from_static(value);
        self.prepared.headers.insert(CONTENT_TYPE, value);
        self
    }

    /// Adds a header; the same name may be added several times.
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        let name = HeaderName::from_static(name);
        self.prepared.headers.append(name, value);
        self
    }

    /// Sends credentials for a registry, if there are any. Without them the header is omitted: for
    /// engines, an empty header is not the same as no header.
    pub(crate) fn auth(self, auth: Option<&RegistryAuth>) -> Self {
        let sent = auth.is_some_and(|auth| *auth != RegistryAuth::default());
        match auth {
            Some(auth) => self.header("x-registry-auth", auth.header()),
            None => self,
        }
        .credentials(sent)
    }

    /// Stores whether credentials for a registry are sent, for the hint of an error.
    pub(crate) fn credentials(mut self, sent: bool) -> Self {
        self.prepared.context.credentials = Some(sent);
        self
    }

    /// Makes the call fail before anything is sent, if there is a reason. The first reason counts.
    pub(crate) fn reject_if(mut self, reason: Option<String>) -> Self {
        if let Some(reason) = reason {
            self.prepared.reject(reason);
        }
        self
    }

    /// Requires API `since` for `what`, if the call uses it: older engines ignore it silently.
    pub(crate) fn needs(mut self, used: bool, what: &'static str, since: Version) -> Self {
        if used {
            self.prepared.needs(what, since);
        }
        self
    }

    /// Sets the requirements on the engine's API version.
    pub(crate) fn requires(mut self, all: impl IntoIterator<Item = Requirement>) -> Self {
        for Requirement { what, versions } in all {
            match versions {
                Versions::Since(first) => self.prepared.needs(what, first),
                Versions::Until(last) => self.prepared.until(what, last),
            }
        }
        self
    }

    /// Extends the timeout of the head of the reply by this time.
    pub(crate) fn extend_timeout(mut self, extra: Option<Duration>) -> Self {
        let timeouts = &mut self.prepared.timeouts;
        timeouts.head = timeouts
            .head
            .zip(extra)
            .map(|(head, extra)| head.saturating_add(extra));
        self
    }

    /// Sends the request to the path without a version, like a ping.
    pub(crate) fn unversioned(mut self) -> Self {
        self.prepared.versioned = false;
        self
    }

    /// Sends the request and reads the reply in the shape of the operation.
    pub(crate) async fn send(self) -> Result<R::Value> {
        R::decode(self.prepared.send().await?).await
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ErrorKind;
    use crate::wire::canned::Canned;
    use crate::wire::decode::Empty;
    use crate::wire::operation::Operation;

    static SEND: Operation<Empty> = Operation::post("Send", "/send");

    #[tokio::test]
    async fn value_that_is_not_json_is_not_sent() {
        let docker = Canned::new("").docker();
        let keys = std::collections::BTreeMap::from([(vec![1], "a list is no key")]);
        let error = docker.call(&SEND).json(&keys).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("cannot be written as JSON"), "{error}");
    }

    #[tokio::test]
    async fn body_stays_at_its_end() {
        let docker = Canned::new("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").docker();
        let mut reply = docker.call(&SEND).prepared.send().await.unwrap();
        assert_eq!(reply.body.next().await.unwrap().unwrap(), "abc");
        for _ in 0..2 {
            assert!(reply.body.next().await.is_none());
        }
    }
}
