//! One call, from its operation to its value: the only code that knows HTTP's rules.

use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::decode::Shape;
use super::operation::{Operation, OperationInfo};
use super::query::Query;
use super::reply::{CallContext, Reply, ReplyBody};
use super::requirement::{Requirement, Versions};
use super::send::PreparedRequest;
use super::timer::{Timer, within};
use super::{json, path};
use crate::Version;
use crate::auth::RegistryAuth;
use crate::client::Docker;
use crate::error::{Cause, Error, Phase, Result};
use crate::timeouts::Timeouts;

/// An operation being called; the resources' methods fill it in, and [`Call::send`] does the rest.
pub(crate) struct Call<'a, R: 'static> {
    prepared: Prepared<'a>,
    reply: PhantomData<fn() -> R>,
}

/// A call but for what its reply becomes: what would be compiled once for each type of reply is here,
/// and compiled once.
struct Prepared<'a> {
    docker: &'a Docker,
    info: &'static OperationInfo,
    names: Vec<&'a str>,
    query: Query,
    headers: HeaderMap,
    body: Body,
    limits: Timeouts,
    versioned: bool,
    /// What errors say the call was on, where that is not in the path.
    about: Option<&'a str>,
    /// What cannot be sent; found while filling in, said by `send`.
    wrong: Option<Error>,
    /// Something asked for that only a later version has.
    min_version: Option<(&'static str, Version)>,
    /// Something asked for that later versions do not have any more.
    max_version: Option<(&'static str, Version)>,
}

/// A failed reply is read up to here; engines say what is wrong in far less.
const LONGEST_ERROR: usize = 4096;

/// How long the words of a failed reply are waited for; its status alone says enough.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);

impl<'a, R: Shape> Call<'a, R> {
    pub(crate) fn new(docker: &'a Docker, operation: &'static Operation<R>) -> Self {
        Self {
            prepared: Prepared::new(docker, &operation.info),
            reply: PhantomData,
        }
    }

    /// Fills the path's next placeholder.
    pub(crate) fn at(mut self, name: &'a str) -> Self {
        self.prepared.names.push(name);
        self
    }

    /// Says what the call is on, where no placeholder does.
    pub(crate) fn about(mut self, what: &'a str) -> Self {
        self.prepared.about = Some(what);
        self
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.prepared.query = query;
        self
    }

    /// Sends `value` as JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.prepared.json(json::encode(value));
        self
    }

    /// Sends a tar archive.
    pub(crate) fn tar(mut self, body: Body) -> Self {
        self.prepared.body = body;
        let tar = HeaderValue::from_static("application/x-tar");
        self.prepared.headers.insert(CONTENT_TYPE, tar);
        self
    }

    /// Adds a header; the same name may come several times.
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        let name = HeaderName::from_static(name);
        self.prepared.headers.append(name, value);
        self
    }

    /// Sends credentials for a registry, when there are any: an empty header is not the same as none.
    pub(crate) fn auth(self, auth: Option<&RegistryAuth>) -> Self {
        match auth {
            Some(auth) => self.header("x-registry-auth", auth.header()),
            None => self,
        }
    }

    /// Refuses the call before anything is sent.
    pub(crate) fn reject_if(mut self, wrong: Option<String>) -> Self {
        self.prepared.wrong = self.prepared.wrong.or(wrong.map(Error::invalid));
        self
    }

    /// Says that `what`, if it is asked for, exists only since a version: below, engines ignore it
    /// without a word (wire fact 35).
    pub(crate) fn needs(mut self, asked: bool, what: &'static str, since: Version) -> Self {
        self.prepared.needs(asked, what, since);
        self
    }

    /// As [`Call::needs`], for several.
    pub(crate) fn needs_all(self, all: impl IntoIterator<Item = (bool, &'static str, Version)>) -> Self {
        all.into_iter()
            .fold(self, |call, (asked, what, since)| call.needs(asked, what, since))
    }

    /// Sets what the engine's API version must know.
    pub(crate) fn requires(mut self, all: impl IntoIterator<Item = Requirement>) -> Self {
        for Requirement { what, versions } in all {
            match versions {
                Versions::Since(first) => self.prepared.needs(true, what, first),
                Versions::Until(last) => self.prepared.until(what, last),
            }
        }
        self
    }

    /// Gives the engine this much longer to answer.
    pub(crate) fn extend_timeout(mut self, extra: Option<Duration>) -> Self {
        let limits = &mut self.prepared.limits;
        limits.head = limits
            .head
            .zip(extra)
            .map(|(head, extra)| head.saturating_add(extra));
        self
    }

    /// Sends to the path without a version, which is how a version is asked for.
    pub(crate) fn unversioned(mut self) -> Self {
        self.prepared.versioned = false;
        self
    }

    /// Sends the request and reads the reply as the operation's shape.
    pub(crate) async fn send(self) -> Result<R::Value> {
        R::decode(self.prepared.send().await?).await
    }
}

impl<'a> Prepared<'a> {
    fn new(docker: &'a Docker, info: &'static OperationInfo) -> Self {
        let mut limits = *docker.timeouts();
        if info.slow {
            limits.head = None;
        }
        Self {
            docker,
            info,
            names: Vec::new(),
            query: Query::new(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            limits,
            versioned: true,
            about: None,
            wrong: None,
            min_version: None,
            max_version: None,
        }
    }

    fn json(&mut self, encoded: serde_json::Result<Vec<u8>>) {
        match encoded {
            Ok(bytes) => self.body = Body::Full(bytes.into()),
            Err(error) => self.wrong = Some(Error::invalid(format!("the value to send is no JSON: {error}"))),
        }
        let json = HeaderValue::from_static("application/json");
        self.headers.insert(CONTENT_TYPE, json);
    }

    fn needs(&mut self, asked: bool, what: &'static str, since: Version) {
        if asked && self.min_version.is_none_or(|(_, version)| version < since) {
            self.min_version = Some((what, since));
        }
    }

    fn until(&mut self, what: &'static str, last: Version) {
        if self.max_version.is_none_or(|(_, version)| last < version) {
            self.max_version = Some((what, last));
        }
    }

    /// Sends the request; the reply is one of success. Boxed, for it is large and its callers' futures
    /// are moved.
    fn send(self) -> Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>> {
        Box::pin(async move {
            let context = self.context();
            let total = Timer::start(Phase::Total, self.limits.total);
            self.reply(total).await.map_err(|error| context.add(error))
        })
    }

    fn context(&self) -> CallContext {
        let name = self.names.first().copied().or(self.about);
        let on = name.filter(|name| !name.trim().is_empty()).map(Into::into);
        CallContext {
            operation: self.info.id,
            on,
        }
    }

    async fn reply(mut self, mut total: Timer) -> Result<Reply> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let info = self.info;
        let version = match self.docker.known_version() {
            _ if !self.versioned => None,
            None => {
                // Names are judged before anything is sent, the version question included.
                path::render(info, "", None, &self.names)?;
                let negotiated = within(self.docker.negotiate(), &mut [&mut total]).await;
                Some(negotiated.map_err(Error::local)??)
            }
            known => known,
        };
        let base = self.docker.wire().connector.base_path();
        let mut target = path::render(info, base, version, &self.names)?;
        if let Some(version) = version {
            self.check(version)?;
        }
        if !self.query.as_str().is_empty() {
            target.push('?');
            target.push_str(self.query.as_str());
        }
        if info.hijacks {
            self.headers
                .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            // A session says another protocol.
            let tcp = HeaderValue::from_static("tcp");
            self.headers.entry(UPGRADE).or_insert(tcp);
        }
        let context = self.context();
        let request = PreparedRequest {
            method: method(info),
            target,
            headers: self.headers,
            body: self.body,
        };
        let sent = self.docker.wire().round_trip(request, &self.limits, total).await;
        let (head, body) = sent.map_err(Error::local)?;
        check_status(info, Reply { head, body, context }).await
    }

    fn check(&self, used: Version) -> Result<()> {
        if let Some((what, last)) = self.max_version.filter(|(_, last)| used > *last) {
            return Err(Error::local(Cause::RemovedFromApi { what, last, used }));
        }
        let info = self.info;
        let (what, since) = match self.min_version {
            Some(what_since) => what_since,
            None => (info.id, info.since),
        };
        if used >= since && used >= info.since {
            return Ok(());
        }
        let hint = "leave it out, or use a newer engine";
        Err(Error::local(Cause::NeedsApi {
            what,
            since: since.max(info.since),
            used,
            hint,
        }))
    }
}

fn method(info: &OperationInfo) -> Method {
    match info.method {
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::GET,
    }
}

/// Whether the status is a success for this operation; any other becomes an error with the engine's words.
async fn check_status(info: &OperationInfo, mut reply: Reply) -> Result<Reply> {
    let status = reply.head.status;
    let success = match status {
        StatusCode::SWITCHING_PROTOCOLS => info.hijacks,
        StatusCode::NOT_MODIFIED => info.may_be_unchanged,
        // 200 where the description says 204, and the other way round, are both seen (wire fact 49).
        other => other.is_success() && !info.hijacks,
    };
    if success {
        return Ok(reply);
    }
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::protocol("the engine handed over the connection, unasked"));
    }
    if status.is_success() {
        return Err(Error::protocol(format!(
            "the engine answered {} where the connection should have been handed over; does a proxy between \
             drop `Upgrade` headers?",
            status.as_u16()
        )));
    }
    let message = failure(&mut reply.body, status, reply.head.headers.get("location")).await;
    Err(Error::local(Cause::Api { status, message }))
}

#[derive(Deserialize)]
struct Message {
    /// Podman answers a refused push with a line of progress, which has `error` instead.
    #[serde(alias = "error")]
    message: String,
}

/// What the engine says is wrong, from JSON, text, HTML or nothing (wire facts 45 and 46).
pub(crate) async fn failure(
    body: &mut ReplyBody,
    status: StatusCode,
    location: Option<&HeaderValue>,
) -> String {
    let bytes = body.start(LONGEST_ERROR, ERROR_PATIENCE).await;
    if let Ok(Message { message }) = serde_json::from_slice(&bytes) {
        if !message.trim().is_empty() {
            return message.trim().to_owned();
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    match (text.trim(), location.and_then(|to| to.to_str().ok())) {
        (_, Some(to)) => format!("{reason}: a redirect to {to}, which is not followed"),
        // Not the bare reason: "Not Found" alone is how Podman says that there is no such route.
        ("" | "{}" | "null", None) => format!("{reason}, without further words"),
        (text, None) => text.to_owned(),
    }
}
