//! A request that is ready to send. Only this module knows the client's additions to a request.
//!
//! [`Prepared`] does not know the type of its reply, so it is compiled once for all operations.
//! Calls of operations and raw calls both go through [`Prepared::send`]: checks, version, path,
//! exchange.

use std::pin::{Pin, pin};

use bytes::Bytes;
use http::Method;
use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::response::Parts;

use super::body::Body;
use super::call_context::CallContext;
use super::operation::OperationInfo;
use super::query::Query;
use super::reply::{Reply, ReplyBody};
use super::send::PreparedRequest;
use super::session::Session;
use super::timer::{Timer, within};
use super::watch::Watch;
use super::{path, status};
use crate::error::{Cause, Error, Phase, Result};
use crate::timeouts::Timeouts;
use crate::version::Version;

/// A request, and the values that are checked before it is sent.
pub(super) struct Prepared<'a> {
    session: &'a Session,
    method: Method,
    target: Target<'a>,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) timeouts: Timeouts,
    /// Whether the path gets the API version as prefix.
    pub(super) versioned: bool,
    /// The operation and its subject, for errors.
    pub(super) context: CallContext,
    /// Why the request cannot be sent. It is found while the request is filled in, and returned by
    /// `send`.
    rejected: Option<Error>,
    /// The newest version that a part of the request needs, and that part.
    min_version: Option<(&'static str, Version)>,
    /// The oldest last version of the parts of the request, and that part.
    max_version: Option<(&'static str, Version)>,
}

/// The target of a request.
enum Target<'a> {
    /// An operation, and the names for the placeholders of its path.
    Operation(&'static OperationInfo, Vec<&'a str>),
    /// A path and query as the caller wrote them.
    Raw(&'a str),
}

impl<'a> Prepared<'a> {
    pub(super) fn operation(session: &'a Session, info: &'static OperationInfo) -> Self {
        let method = match info.method {
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            _ => Method::GET,
        };
        let target = Target::Operation(info, Vec::new());
        let mut prepared = Self::new(session, method, target, CallContext::new(info.id));
        if info.slow {
            prepared.timeouts.head = None;
        }
        prepared
    }

    /// A request for any path. The time until the head of its reply is not limited.
    pub(super) fn raw(session: &'a Session, method: Method, target: &'a str, context: CallContext) -> Self {
        let mut prepared = Self::new(session, method, Target::Raw(target), context);
        prepared.timeouts.head = None;
        prepared
    }

    fn new(session: &'a Session, method: Method, target: Target<'a>, context: CallContext) -> Self {
        Self {
            session,
            method,
            target,
            query: Query::new(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            timeouts: session.timeouts,
            versioned: true,
            context,
            rejected: None,
            min_version: None,
            max_version: None,
        }
    }

    /// Adds the name for the next placeholder; the first one is the subject of errors.
    pub(super) fn name(&mut self, name: &'a str) {
        if let Target::Operation(_, names) = &mut self.target {
            if names.is_empty() && !name.trim().is_empty() {
                self.context.subject = Some(name.into());
            }
            names.push(name);
        }
    }

    pub(super) fn reject(&mut self, reason: String) {
        self.rejected.get_or_insert_with(|| Error::invalid(reason));
    }

    pub(super) fn needs(&mut self, what: &'static str, since: Version) {
        if self.min_version.is_none_or(|(_, version)| version < since) {
            self.min_version = Some((what, since));
        }
    }

    pub(super) fn until(&mut self, what: &'static str, last: Version) {
        if self.max_version.is_none_or(|(_, version)| last < version) {
            self.max_version = Some((what, last));
        }
    }

    /// Sends the request. For an operation, an error status is an error.
    ///
    /// Boxed, because the future is large and the futures of its callers are moved.
    pub(super) fn send(mut self) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>> {
        Box::pin(async move {
            let context = std::mem::take(&mut self.context);
            let limits = self.session.reply_limits;
            let total = Timer::start(Phase::Total, self.timeouts.total);
            let mut watch = self.watch(&context);
            match self.exchange(total, &mut watch).await {
                Ok((head, body)) => Ok(Reply {
                    head,
                    body,
                    context,
                    limits,
                }),
                Err(error) => {
                    if let Some(watch) = &mut watch {
                        watch.failed(&error);
                    }
                    Err(context.add(error))
                }
            }
        })
    }

    /// Begins the report of the call, if there is an observer.
    fn watch(&self, context: &CallContext) -> Option<Box<Watch>> {
        let path = match &self.target {
            Target::Operation(info, _) => info.path,
            // The path without the query, which may contain secrets.
            Target::Raw(target) => target.split('?').next().unwrap_or_default(),
        };
        let connector = &*self.session.wire().connector;
        self.session.extra.watch(context, &self.method, path, connector)
    }

    async fn exchange(
        mut self,
        mut total: Timer,
        watch: &mut Option<Box<Watch>>,
    ) -> Result<(Parts, ReplyBody)> {
        if let Some(error) = self.rejected.take() {
            return Err(error);
        }
        // Names are checked before anything is sent, including a request for the version.
        if let Target::Operation(info, names) = &self.target {
            path::check_names(info, names)?;
        }
        let version = if self.versioned {
            let version = within(pin!(self.session.version()), &mut [&mut total]).await;
            Some(version.map_err(Error::local)??)
        } else {
            None
        };
        if let Some(version) = version {
            self.check_version(version)?;
        }
        let info = self.target.info();
        if info.is_some_and(|info| info.hijacks) {
            self.headers
                .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            // A session has set another protocol.
            let tcp = HeaderValue::from_static("tcp");
            self.headers.entry(UPGRADE).or_insert(tcp);
        }
        self.session.extra.complete(&mut self.headers);
        let wire = self.session.wire();
        let request = PreparedRequest {
            method: self.method,
            target: self
                .target
                .render(wire.connector.base_path(), version, &self.query),
            headers: self.headers,
            body: self.body,
        };
        let sent = wire.round_trip(request, &self.timeouts, total, watch.as_deref_mut());
        let (head, mut body) = sent.await.map_err(Error::local)?;
        body.watch(watch.take());
        if let Some(info) = info {
            let checked = status::check(info, &head, &mut body).await;
            checked.inspect_err(|error| body.failed(error))?;
        }
        Ok((head, body))
    }

    /// Checks that the operation and all parts of the request exist in the version in use.
    fn check_version(&self, used: Version) -> Result<()> {
        if let Some((what, last)) = self.max_version.filter(|(_, last)| used > *last) {
            return Err(Error::local(Cause::RemovedFromApi { what, last, used }));
        }
        let operation = self.target.info().map(|info| (info.id, info.since));
        let Some((what, since)) = self.min_version.or(operation) else {
            return Ok(());
        };
        let since = operation.map_or(since, |(_, first)| since.max(first));
        if used >= since {
            return Ok(());
        }
        let hint = match self.session.version_is_assumed() {
            true => {
                "the engine may be newer, but a proxy refuses /_ping and /version; \
                 set the version with DOCKER_API_VERSION or `Docker::with_version`"
            }
            false => "omit it, or use a newer engine",
        };
        Err(Error::local(Cause::NeedsApi {
            what,
            since,
            used,
            hint,
        }))
    }
}

impl Target<'_> {
    fn info(&self) -> Option<&'static OperationInfo> {
        match self {
            Self::Operation(info, _) => Some(info),
            Self::Raw(_) => None,
        }
    }

    /// The path and query of the request line.
    fn render(&self, base: &str, version: Option<Version>, query: &Query) -> Bytes {
        let query = query.as_str();
        let mut target = match self {
            // The path of a ping, which is not copied.
            Self::Operation(info, names)
                if names.is_empty() && base.is_empty() && version.is_none() && query.is_empty() =>
            {
                return Bytes::from_static(info.path.as_bytes());
            }
            Self::Operation(info, names) => path::render(info, base, version, names),
            Self::Raw(target) => format!("{}{target}", path::prefix(base, version)),
        };
        if !query.is_empty() {
            target.push('?');
            target.push_str(query);
        }
        target.into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connect::TcpConnector;

    #[test]
    fn the_future_of_a_call_stays_small() {
        let session = Session::new(Arc::new(TcpConnector::new("127.0.0.1", 2375)));
        let prepared = Prepared::raw(&session, Method::GET, "/_ping", CallContext::new("test"));
        let mut watch = None;
        let future = prepared.exchange(Timer::start(Phase::Total, None), &mut watch);
        // Each call allocates it and moves it there.
        assert!(size_of_val(&future) <= 2600, "{} bytes", size_of_val(&future));
    }

    #[test]
    fn path_of_a_raw_call_has_no_placeholder() {
        let session = Session::new(Arc::new(TcpConnector::new("127.0.0.1", 2375)));
        let mut prepared = Prepared::raw(&session, Method::GET, "/{id}", CallContext::new("test"));
        prepared.name("web");
        assert_eq!(prepared.context.subject, None);
        let target = prepared.target.render("/base", None, &Query::new());
        assert_eq!(target, "/base/{id}");
    }
}
