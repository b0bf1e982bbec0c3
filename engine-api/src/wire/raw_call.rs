//! A call by method and path, with the raw reply.

use std::fmt;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use http::{HeaderMap, Method, StatusCode};

use super::body::{Body, Upload};
use super::call_context::CallContext;
use super::prepared::Prepared;
use super::session::Session;
use super::status;
use super::stream::{Hijacked, Input, RawBytes};
use crate::error::{Error, Result};
use crate::version::Version;

/// A request by HTTP method and path, for operations without a Rust method.
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
    session: &'a Session,
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Body,
}

/// A raw reply; an error status is not an error.
#[derive(Debug)]
#[non_exhaustive]
pub struct RawReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as a stream.
    pub body: RawBytes,
}

/// A connection that a raw call has hijacked.
#[derive(Debug)]
#[non_exhaustive]
pub struct RawHijacked {
    /// The headers of the reply.
    pub headers: HeaderMap,
    /// The bytes to the engine.
    pub input: Input,
    /// The bytes from the engine, as a stream.
    pub output: RawBytes,
}

impl<'a> RawCall<'a> {
    pub(crate) fn new(session: &'a Session, method: &'a str, target: &'a str) -> Self {
        Self {
            session,
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

    /// Sends a body of any type as a stream of pieces.
    pub fn body(mut self, body: impl Into<Upload>, content_type: &'a str) -> Self {
        self.body = body.into().0;
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sends the request. The negotiated version is added to a path without a version, except
    /// `/_ping`.
    ///
    /// # Errors
    ///
    /// When the method, the path or a header is invalid, or no reply arrives. An error status is
    /// not an error here.
    pub async fn send(self) -> Result<RawReply> {
        let context = self.context();
        let prepared = self.prepare(context.clone());
        let reply = prepared.map_err(|error| context.add(error))?.send().await?;
        let status = reply.head.status;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(context.add(Error::invalid(
                "the engine switched protocols; hijack the connection with `hijack`",
            )));
        }
        Ok(RawReply {
            status: status.as_u16(),
            headers: reply.head.headers.clone(),
            body: RawBytes::new(reply),
        })
    }

    /// Sends the request, and hijacks the connection: the status of the reply must be `101`. The
    /// default protocol of the header `Upgrade` is `tcp`.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// let path = "/containers/app/attach?stream=true&stdin=true&stdout=true";
    /// let mut attached = docker.raw("POST", path).hijack().await?;
    /// attached.input.write(b"hello\n").await?;
    /// attached.input.close().await?;
    /// let output = attached.output.collect().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`send`](Self::send), and an error for every other status.
    pub async fn hijack(self) -> Result<RawHijacked> {
        let context = self.context();
        let mut prepared = self
            .prepare(context.clone())
            .map_err(|error| context.add(error))?;
        let headers = &mut prepared.headers;
        let upgrade = HeaderValue::from_static("Upgrade");
        headers.entry(CONNECTION).or_insert(upgrade);
        headers.entry(UPGRADE).or_insert(HeaderValue::from_static("tcp"));
        let mut reply = prepared.send().await?;
        let limits = reply.limits;
        match reply.head.status {
            StatusCode::SWITCHING_PROTOCOLS => {}
            status if status.is_success() => {
                let text = format!(
                    "the engine replied with status {status} and did not hijack the connection; use `send`"
                );
                return Err(context.add(Error::protocol(text)));
            }
            _ => {
                let error = context.add(status::error(&reply.head, &mut reply.body).await);
                reply.body.failed(&error);
                return Err(error);
            }
        }
        let headers = std::mem::take(&mut reply.head.headers);
        let (input, source, context) = Hijacked::halves(reply).await?;
        Ok(RawHijacked {
            headers,
            input,
            output: RawBytes::over(source, context, limits),
        })
    }

    fn context(&self) -> CallContext {
        CallContext {
            operation: "raw call",
            subject: Some(self.path().into()),
            credentials: None,
        }
    }

    /// The path without the query, which may contain secrets (a build's arguments).
    fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn prepare(self, context: CallContext) -> Result<Prepared<'a>> {
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_invalid| Error::invalid(format!("invalid HTTP method {:?}", self.method)))?;
        if !self.target.starts_with('/') || self.target.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Error::invalid(
                "a path starts with `/` and has no spaces; escape them as %20",
            ));
        }
        let mut prepared = Prepared::raw(self.session, method, self.target, context);
        prepared.versioned = !has_version(self.target) && !self.target.starts_with("/_ping");
        prepared.body = self.body;
        for (name, value) in &self.headers {
            let invalid = || Error::invalid(format!("the header {name:?} has an invalid name or value"));
            let name = HeaderName::try_from(*name).map_err(|_invalid| invalid())?;
            let value = HeaderValue::from_str(value).map_err(|_invalid| invalid())?;
            prepared.headers.insert(name, value);
        }
        Ok(prepared)
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
        .is_some_and(|rest| rest.parse::<Version>().is_ok())
}
