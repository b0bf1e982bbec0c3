//! Negotiates the API version with an engine.

use http::header::HeaderMap;
use http::{Method, StatusCode};

use super::body::Body;
use super::call_context::CallContext;
use super::extra::Extra;
use super::send::{PreparedRequest, Wire};
use super::timer::Timer;
use super::{json, status};
use crate::error::{Cause, Error, JsonError, Phase, Result};
use crate::reply_limits::ReplyLimits;
use crate::timeouts::Timeouts;
use crate::version::Version;

/// The facts that an engine has reported about itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine {
    /// The version in use: the newest version of the engine, or of this crate if that is older.
    pub(super) version: Version,
    pub(crate) podman: bool,
    /// Whether it runs Windows containers.
    pub(crate) windows: bool,
    /// Whether the version is the oldest one because a proxy refuses all requests for the version.
    pub(super) assumed: bool,
}

/// The requests for the version of an engine, and the function that sends them.
pub(super) struct Negotiation<'a> {
    pub(super) wire: &'a Wire,
    pub(super) timeouts: &'a Timeouts,
    pub(super) limits: &'a ReplyLimits,
    pub(super) extra: &'a Extra,
}

/// The reply to such a request: its headers, its body, and the error of a status other than a
/// success.
struct Answer {
    headers: HeaderMap,
    body: bytes::Bytes,
    error: Option<Error>,
}

impl Negotiation<'_> {
    /// Pings the engine. If a proxy refuses pings, requests `/version`. If the proxy refuses that
    /// as well, uses the oldest version.
    pub(super) async fn run(&self) -> Result<Engine> {
        // HEAD has no body to read. A server without HEAD may reply to GET, or at least send a
        // message with its error.
        let mut pinged = self.ask(Method::HEAD, "SystemPingHead", "/_ping").await?;
        if pinged.error.is_some() {
            pinged = self.ask(Method::GET, "SystemPing", "/_ping").await?;
        }
        let reported = pinged.headers.get("api-version");
        let reported = reported
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|text| !text.is_empty());
        match (reported, pinged.error) {
            (_, Some(error)) if !is_refusal(&error) => Err(error),
            // The reply to a refused request also counts, if the engine itself refused it.
            (Some(text), _) => {
                let podman = pinged.headers.contains_key("libpod-api-version");
                let os = pinged.headers.get("ostype");
                engine(text, podman, os.is_some_and(|os| os == "windows"))
            }
            (None, Some(_refused)) => self.without_ping().await,
            (None, None) => Err(Error::protocol(
                "the engine did not report its API version; \
                 if it is a Docker engine, set DOCKER_API_VERSION",
            )),
        }
    }

    async fn without_ping(&self) -> Result<Engine> {
        let answer = self.ask(Method::GET, "SystemVersion", "/version").await?;
        match answer.error {
            Some(error) if is_refusal(&error) => Ok(Engine {
                version: Version::OLDEST,
                podman: false,
                windows: false,
                assumed: true,
            }),
            Some(error) => Err(error),
            None => {
                let context = CallContext::new("SystemVersion");
                let (version, podman, windows) = read_version(&answer.body).map_err(|error| {
                    context.error(status::unreadable(StatusCode::OK, &answer.body, error))
                })?;
                engine(&version, podman, windows)
            }
        }
    }

    /// Sends a request without a version.
    async fn ask(&self, method: Method, operation: &'static str, path: &str) -> Result<Answer> {
        let context = CallContext::new(operation);
        let mut watch = self.extra.watch(&context, &method, path, &*self.wire.connector);
        let mut headers = HeaderMap::new();
        self.extra.complete(&mut headers);
        let request = PreparedRequest {
            method,
            target: format!("{}{path}", self.wire.connector.base_path()).into(),
            headers,
            body: Body::Empty,
        };
        let total = Timer::start(Phase::Total, self.timeouts.total);
        let sent = self
            .wire
            .round_trip(request, self.timeouts, total, watch.as_deref_mut());
        let (head, mut body) = sent.await.map_err(|cause| {
            if let Some(watch) = &mut watch {
                watch.broken(&cause);
            }
            context.error(cause)
        })?;
        body.watch(watch);
        if !head.status.is_success() {
            let error = context.add(status::error(&head, &mut body).await);
            body.failed(&error);
            return Ok(Answer {
                headers: head.headers,
                body: bytes::Bytes::new(),
                error: Some(error),
            });
        }
        let body = body.collect(0, self.limits.json).await;
        Ok(Answer {
            headers: head.headers,
            body: body.map_err(|cause| context.error(cause))?,
            error: None,
        })
    }
}

/// Reads `GET /version`: the API version, and whether the engine is Podman or runs Windows
/// containers.
fn read_version(bytes: &[u8]) -> Result<(String, bool, bool), JsonError> {
    let (mut version, mut podman, mut windows) = (String::new(), false, false);
    let mut component = |key: &str, reader: &mut json::Reader<'_>| match key {
        "Name" => reader
            .string_or_null()
            .map(|name| podman |= name.contains("Podman")),
        _ => reader.skip(),
    };
    json::read_with(bytes, &mut |reader| {
        reader.members(&mut |key, reader| match key {
            "ApiVersion" => reader.string_or_null().map(|text| version = text.into()),
            "Os" => reader.string_or_null().map(|os| windows = os == "windows"),
            "Components" => reader.elements(&mut |reader| reader.members(&mut component)),
            _ => reader.skip(),
        })
    })?;
    Ok((version, podman, windows))
}

/// Whether a proxy or a plugin of the engine refuses the request.
fn is_refusal(error: &Error) -> bool {
    error.status().is_some_and(|status| {
        [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND]
            .iter()
            .any(|refusal| refusal.as_u16() == status)
    })
}

fn engine(reported: &str, podman: bool, windows: bool) -> Result<Engine> {
    let version: Version = reported.parse().map_err(|_invalid| invalid(reported))?;
    if version < Version::OLDEST {
        return Err(Error::local(Cause::NeedsApi {
            what: "this client",
            since: Version::OLDEST,
            used: version,
            hint: "use Docker 20.10 or later",
        }));
    }
    Ok(Engine {
        version: version.min(Version::NEWEST),
        podman,
        windows,
        assumed: false,
    })
}

fn invalid(text: &str) -> Error {
    let shown: String = text.chars().take(40).collect();
    Error::protocol(format!("the engine reported an invalid API version {shown:?}"))
}
