//! What the status of a reply means, and the engine's message in a reply that reports an error.

use std::time::Duration;

use http::header::LOCATION;
use http::response::Parts;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use super::operation::OperationInfo;
use super::reply::ReplyBody;
use crate::error::{Cause, Error, Result};

/// The most bytes of a failed reply that are read; engines send far shorter messages.
const LONGEST_ERROR: usize = 4096;

/// How long the message of a failed reply is awaited; its status alone is enough to report.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks that the status is a success for this operation; any other becomes an error with the
/// engine's message.
pub(super) async fn check(info: &OperationInfo, head: &Parts, body: &mut ReplyBody) -> Result<()> {
    let success = match head.status {
        StatusCode::SWITCHING_PROTOCOLS => info.hijacks,
        StatusCode::NOT_MODIFIED => info.may_be_unchanged,
        // Engines and versions differ: some send 200 where the description has 204, others 204 for
        // 200.
        other => other.is_success() && !info.hijacks,
    };
    if success {
        Ok(())
    } else {
        Err(error(head, body).await)
    }
}

/// The error that a reply reports.
pub(super) async fn error(head: &Parts, body: &mut ReplyBody) -> Error {
    let status = head.status;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Error::protocol("the engine switched protocols although the request did not ask for it");
    }
    if status.is_success() {
        return Error::protocol(format!(
            "the engine answered {} instead of 101 (switching protocols); does a proxy in between drop the \
             `Upgrade` header?",
            status.as_u16()
        ));
    }
    let message = message(body, status, head.headers.get(LOCATION)).await;
    Error::local(Cause::Api { status, message })
}

#[derive(Deserialize)]
struct Message {
    /// Podman answers a refused push with a line of progress, which has `error` instead.
    #[serde(alias = "error")]
    message: String,
}

/// The engine's message. Engines send it as JSON or plain text, proxies as HTML, and it may be
/// missing.
async fn message(body: &mut ReplyBody, status: StatusCode, location: Option<&HeaderValue>) -> String {
    let bytes = body.start(LONGEST_ERROR, MESSAGE_TIMEOUT).await;
    if let Ok(Message { message }) = serde_json::from_slice(&bytes) {
        if !message.trim().is_empty() {
            return message.trim().to_owned();
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    match (text.trim(), location.and_then(|to| to.to_str().ok())) {
        (_, Some(to)) => format!("{reason}: a redirect to {to}, which is not followed"),
        // More than the bare reason: Podman sends "Not Found" alone when it has no such route.
        ("" | "{}" | "null", None) => format!("{reason}, without a message"),
        (text, None) => text.to_owned(),
    }
}
