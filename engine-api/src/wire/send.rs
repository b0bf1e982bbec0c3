//! Sends a request and reads the head of the reply: connections, retries, timeouts.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};

use super::body::Body;
use super::conn::Conn;
use super::pool::Pool;
use super::reply::ReplyBody;
use super::timer::{Timer, within};
use super::watch::Watch;
use crate::connect::Connector;
use crate::error::{Cause, Phase};
use crate::timeouts::Timeouts;

/// The connections of a client and its clones.
pub(crate) struct Wire {
    pub(crate) connector: Arc<dyn Connector>,
    pool: Arc<Pool>,
    host: HeaderValue,
}

/// A request before it is sent.
pub(crate) struct PreparedRequest {
    pub(crate) method: Method,
    /// The path and the query.
    pub(crate) target: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// The `User-Agent` of the client.
pub(crate) const AGENT_TEXT: &str = concat!("engine-api/", env!("CARGO_PKG_VERSION"));
const AGENT: HeaderValue = HeaderValue::from_static(AGENT_TEXT);

impl Wire {
    pub(crate) fn new(connector: Arc<dyn Connector>) -> Self {
        let host = HeaderValue::from_str(connector.host());
        let host = host.unwrap_or(HeaderValue::from_static("api.moby.localhost"));
        Self {
            connector,
            pool: Arc::default(),
            host,
        }
    }

    /// Sets the maximum number of idle connections.
    pub(crate) fn set_most_idle(&self, most: usize) {
        self.pool.set_most_idle(most);
    }

    /// Sends a request and awaits the head of the reply; an error status is not an error here.
    pub(crate) async fn round_trip(
        &self,
        mut prepared: PreparedRequest,
        limits: &Timeouts,
        mut total: Timer,
        mut watch: Option<&mut Watch>,
    ) -> Result<(http::response::Parts, ReplyBody), Cause> {
        let uri = Uri::from_maybe_shared(prepared.target)
            .map_err(|error| Cause::InvalidInput(format!("invalid request path: {error}")))?;
        // Whether it may be sent twice. The reply to a second PUT or DELETE may differ.
        let harmless = matches!(prepared.method, Method::GET | Method::HEAD);
        // An upload can be sent only once, so it needs a new connection, which needs no retry.
        let repeatable = !matches!(prepared.body, Body::Upload(_));
        let pooled = if repeatable && (harmless || self.connector.reset_means_unread()) {
            self.pool.take()
        } else {
            None
        };
        let mut conn = match pooled {
            Some(conn) => conn,
            None => self.open(limits, &mut total).await?,
        };
        if let Some(watch) = &watch {
            prepared.body = prepared.body.counted(watch.sent());
        }
        let mut spare = if conn.reused { prepared.body.again() } else { None };
        let request = |body| self.request(&prepared.method, &uri, &prepared.headers, body);
        let mut next = request(prepared.body);
        loop {
            if let Some(watch) = &mut watch {
                watch.attempt();
            }
            let mut head = Timer::with_clock(Phase::Head, limits.head, conn.clock.take());
            let sent = within(pin!(conn.exchange(next)), &mut [&mut head, &mut total]).await?;
            match sent {
                Ok(response) => {
                    conn.clock = head.into_clock();
                    let (parts, incoming) = response.into_parts();
                    if let Some(watch) = watch {
                        watch.head(parts.status);
                    }
                    let idle = Timer::start(Phase::Body, limits.idle);
                    let body = ReplyBody::new(conn, incoming, Arc::clone(&self.pool), idle, total);
                    return Ok((parts, body));
                }
                Err(error) => {
                    let error = *error;
                    let safe = error.unsent || (harmless && !error.answered);
                    if !conn.reused || !safe {
                        return Err(error.cause);
                    }
                    let again = || spare.take().map(&request);
                    next = error.request.or_else(again).ok_or(error.cause)?;
                    // The other idle connections are probably closed, too.
                    self.pool.clear();
                    conn = self.open(limits, &mut total).await?;
                }
            }
        }
    }

    fn request(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        // A raw call may already contain them.
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert_with(|| self.host.clone());
        headers.entry(USER_AGENT).or_insert(AGENT);
        request
    }

    async fn open(&self, limits: &Timeouts, total: &mut Timer) -> Result<Box<Conn>, Cause> {
        let mut connect = Timer::start(Phase::Connect, limits.connect);
        // Boxed, because it is large and runs once per connection.
        let mut conn = Box::pin(Conn::open(&*self.connector));
        within(conn.as_mut(), &mut [&mut connect, total]).await?
    }
}
