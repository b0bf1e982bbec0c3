//! Sessions: connections on which an engine calls services of its client, as BuildKit does.
//!
//! On such a connection, the engine is the client of gRPC over HTTP/2. These calls only pass the
//! bytes. With the feature `buildkit`, `Images::build_with_session` serves a session. Deprecated
//! since API 1.53, because engines accept gRPC directly.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::sessions::OpenSession;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let session = OpenSession {
//!     id: "k2x4h5j6".into(),
//!     name: "build".into(),
//!     methods: vec!["/grpc.health.v1.Health/Check".into()],
//!     ..Default::default()
//! };
//! let mut connection = docker.sessions().open(session).await?;
//! let preface = connection.output.next().await; // `PRI * HTTP/2.0`
//! # let _ = preface;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use http::HeaderValue;

use crate::client::Docker;
#[cfg(feature = "buildkit")]
use crate::connect::BoxStream;
use crate::error::Result;
use crate::wire::call::Call;
#[cfg(feature = "buildkit")]
use crate::wire::decode::Bare;
use crate::wire::decode::{Duplex, Shape};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::Hijacked;

static OPEN: Operation<Duplex> = Operation::post("Session", "/session").success(&[101]);

pub(crate) static OPERATIONS: &[&OperationInfo] = &[&OPEN.info];

/// Calls on sessions; see [`Docker::sessions`].
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// Connections on which this engine calls its client.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { docker: self }
    }
}

impl Sessions<'_> {
    /// Opens a session, and hijacks the connection: the engine's data arrives without frames, as
    /// [`crate::Chunk::Terminal`]. The session ends when both halves are dropped.
    ///
    /// # Errors
    ///
    /// Podman has no such route ([`crate::Error::is_unknown_route`]).
    pub async fn open(&self, session: OpenSession) -> Result<Hijacked> {
        Ok(self.call(&OPEN, &session).send().await?.terminal(true))
    }

    /// Like [`Sessions::open`], with the raw connection.
    #[cfg(feature = "buildkit")]
    pub(crate) async fn open_stream(&self, session: &OpenSession) -> Result<BoxStream> {
        static OPEN_BARE: Operation<Bare> = OPEN.with_reply();
        self.call(&OPEN_BARE, session).send().await
    }

    fn call<R: Shape>(&self, operation: &'static Operation<R>, session: &OpenSession) -> Call<'_, R> {
        let mut call = self
            .docker
            .call(operation)
            .about(&session.id)
            .reject_if(session.wrong())
            .header("upgrade", HeaderValue::from_static("h2c"));
        for (name, value) in session.headers() {
            call = call.header(name, value);
        }
        call
    }
}

/// A session to open. Headers of `Session`. `Debug` does not show the shared key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OpenSession {
    /// The ID of the session in calls, such as `session` of a build. It must be unique.
    pub id: String,
    /// Its purpose, in a word.
    pub name: String,
    /// A key that sessions of one client share, so that the engine can reuse data of another
    /// session; empty for no key.
    pub shared_key: String,
    /// The methods that the client serves: `/package.Service/Method`.
    pub methods: Vec<String>,
}

impl OpenSession {
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let one = [
            ("x-docker-expose-session-uuid", &self.id),
            ("x-docker-expose-session-name", &self.name),
            ("x-docker-expose-session-sharedkey", &self.shared_key),
        ];
        let methods = self
            .methods
            .iter()
            .map(|method| ("x-docker-expose-session-grpc-method", method));
        one.into_iter()
            .chain(methods)
            .map(|(name, text)| (name, text.as_str()))
            .filter(|(_, text)| !text.is_empty())
    }

    /// The headers, which are also the metadata of the gRPC call.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, HeaderValue)> {
        self.texts().filter_map(|(name, text)| {
            let mut value = HeaderValue::from_str(text).ok()?;
            value.set_sensitive(name.ends_with("sharedkey"));
            Some((name, value))
        })
    }

    fn wrong(&self) -> Option<String> {
        if self.id.trim().is_empty() {
            return Some("the session has no id; set `id`".into());
        }
        let bad = self
            .texts()
            .find(|(_, text)| HeaderValue::from_str(text).is_err());
        bad.map(|(name, _)| format!("the value of {name} has characters that a header cannot contain"))
    }
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared_key = if self.shared_key.is_empty() { "" } else { "***" };
        f.debug_struct("OpenSession")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("shared_key", &shared_key)
            .field("methods", &self.methods)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_a_header_and_the_key_is_hidden() {
        let mut session = OpenSession {
            id: "1".into(),
            shared_key: "hunter2".into(),
            methods: vec!["/a.B/C".into(), "/a.B/D".into()],
            ..Default::default()
        };
        let headers: Vec<_> = session.headers().collect();
        assert_eq!(headers.len(), 4);
        assert!(!format!("{session:?} {headers:?}").contains("hunter2"));
        assert_eq!(session.wrong(), None);
        session.name = "a\nb".into();
        assert!(session.wrong().is_some());
        assert!(OpenSession::default().wrong().is_some());
    }
}
