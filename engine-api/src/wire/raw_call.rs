//! A call that no method covers: any method, any path, the reply as it is.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::body::Body;
use super::reply::{CallContext, Reply};
use super::send::PreparedRequest;
use super::stream::RawBytes;
use super::timer::{Timer, within};
use crate::client::Docker;
use crate::error::{Error, Phase, Result};

/// A request by method and path, for what this crate has no method for.
///
/// ```no_run
/// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
/// let reply = docker.raw("GET", "/containers/json?all=true").send().await?;
/// assert_eq!(reply.status, 200);
/// let json = reply.body.collect().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until `send`"]
pub struct RawCall<'a> {
    docker: &'a Docker,
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Body,
}

/// A reply as it came; the status is not judged.
#[derive(Debug)]
#[non_exhaustive]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it comes.
    pub body: RawBytes,
}

impl<'a> RawCall<'a> {
    pub(crate) fn new(docker: &'a Docker, method: &'a str, target: &'a str) -> Self {
        Self {
            docker,
            method,
            target,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends `json` as the body.
    pub fn json(mut self, json: impl Into<Bytes>) -> Self {
        self.body = Body::Full(json.into());
        self.header(CONTENT_TYPE.as_str(), "application/json")
    }

    /// Sends the request. A path without a version gets the negotiated one, but `/_ping`.
    ///
    /// # Errors
    ///
    /// When the method, path or a header is malformed, or no reply comes. An error status is no error
    /// here.
    pub async fn send(self) -> Result<RawReply> {
        let context = self.context();
        self.perform().await.map_err(|error| context.add(error))
    }

    fn context(&self) -> CallContext {
        CallContext {
            operation: "raw call",
            on: Some(self.path().into()),
        }
    }

    /// The path without the query, which may hold secrets (a build's arguments).
    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    async fn perform(self) -> Result<RawReply> {
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_invalid| Error::invalid(format!("{:?} is no HTTP method", self.method)))?;
        if !self.target.starts_with('/') || self.target.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Error::invalid(
                "a path starts with `/` and has no spaces; escape them as %20",
            ));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let wrong = || Error::invalid(format!("{name:?} is no header, or its value cannot be sent"));
            let name = HeaderName::try_from(*name).map_err(|_invalid| wrong())?;
            headers.insert(name, HeaderValue::from_str(value).map_err(|_invalid| wrong())?);
        }
        let docker = self.docker;
        let context = self.context();
        let mut total = Timer::start(Phase::Total, docker.timeouts().total);
        let base = docker.wire().connector.base_path();
        let target = if has_version(self.target) || self.target.starts_with("/_ping") {
            format!("{base}{}", self.target)
        } else {
            let version = within(docker.version(), &mut [&mut total]).await;
            format!("{base}/v{}{}", version.map_err(Error::local)??, self.target)
        };
        let limits = crate::Timeouts {
            head: None,
            ..*docker.timeouts()
        };
        let request = PreparedRequest {
            method,
            target,
            headers,
            body: self.body,
        };
        let (head, body) = docker
            .wire()
            .round_trip(request, &limits, total)
            .await
            .map_err(Error::local)?;
        let status = head.status;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::invalid(
                "the engine wants to hand over the connection; use attach or exec",
            ));
        }
        let headers = head.headers.clone();
        Ok(RawReply {
            status: status.as_u16(),
            headers,
            body: RawBytes::new(Reply { head, body, context }),
        })
    }
}

impl fmt::Debug for RawCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("RawCall")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &names)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

fn has_version(target: &str) -> bool {
    let first = target[1..].split(['/', '?']).next().unwrap_or_default();
    first
        .strip_prefix('v')
        .is_some_and(|rest| rest.parse::<crate::Version>().is_ok())
}
