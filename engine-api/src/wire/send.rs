//! From a request to the head of its reply: connections, retries, limits.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use super::body::Body;
use super::conn::{Broken, Conn};
use super::pool::Pool;
use super::reply::ReplyBody;
use super::timer::{Timer, within};
use crate::connect::Connector;
use crate::error::{Cause, Phase};
use crate::limits::Limits;

/// What one client shares among its clones: how to connect, and what is connected.
pub(crate) struct Wire {
    pub(crate) connector: Box<dyn Connector>,
    pool: Arc<Pool>,
    host: HeaderValue,
}

/// A request before it is sent.
pub(crate) struct Draft {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// How we introduce ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("engine-api/", env!("CARGO_PKG_VERSION")));

impl Wire {
    pub(crate) fn new(connector: Box<dyn Connector>) -> Self {
        let host = HeaderValue::from_str(connector.host());
        let host = host.unwrap_or(HeaderValue::from_static("api.moby.localhost"));
        Self {
            connector,
            pool: Arc::default(),
            host,
        }
    }

    /// Sends a request and awaits the head of the reply; the status is not judged.
    pub(crate) async fn round_trip(
        &self,
        draft: Draft,
        limits: &Limits,
        mut total: Timer,
    ) -> Result<(http::response::Parts, ReplyBody), Cause> {
        let uri = Uri::from_maybe_shared(Bytes::from(draft.target))
            .map_err(|error| Cause::InvalidInput(format!("the request's path is no path: {error}")))?;
        // Whether it does no harm to send it twice. PUT and DELETE change what the second one answers.
        let harmless = matches!(draft.method, Method::GET | Method::HEAD);
        let mut request = Request::new(draft.body);
        *request.method_mut() = draft.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = draft.headers;
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);

        // What can be sent only once goes where no retry will be needed.
        let repeatable = request.body().again().is_some();
        let pooled = if repeatable && (harmless || self.connector.reset_means_unread()) {
            self.pool.take()
        } else {
            None
        };
        let mut conn = match pooled {
            Some(conn) => conn,
            None => self.open(limits, &mut total).await?,
        };
        let template = if conn.reused {
            request.body().again().map(|body| copy(&request, body))
        } else {
            None
        };
        loop {
            let mut head = Timer::start(Phase::Head, limits.head);
            match within(conn.exchange(request), &mut [&mut head, &mut total]).await? {
                Ok(response) => {
                    let (parts, incoming) = response.into_parts();
                    let idle = Timer::start(Phase::Body, limits.idle);
                    let body = ReplyBody::new(conn, incoming, Arc::clone(&self.pool), idle, total);
                    return Ok((parts, body));
                }
                Err(broken) => {
                    request = retry(&conn, *broken, harmless, template.as_ref())?;
                    // The others are as old as the one that was found dead.
                    self.pool.clear();
                    conn = self.open(limits, &mut total).await?;
                }
            }
        }
    }

    async fn open(&self, limits: &Limits, total: &mut Timer) -> Result<Conn, Cause> {
        let mut connect = Timer::start(Phase::Connect, limits.connect);
        within(Conn::open(&*self.connector), &mut [&mut connect, total]).await?
    }
}

/// The request to send again on a fresh connection, or the error when that is not safe.
fn retry(
    conn: &Conn,
    broken: Broken,
    harmless: bool,
    template: Option<&Request<Body>>,
) -> Result<Request<Body>, Cause> {
    let safe = broken.unsent || (harmless && !broken.answered);
    if !conn.reused || !safe {
        return Err(broken.cause);
    }
    let copied = || template.and_then(|template| Some(copy(template, template.body().again()?)));
    broken.request.or_else(copied).ok_or(broken.cause)
}

fn copy(request: &Request<Body>, body: Body) -> Request<Body> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
