//! Interprets the status of a reply, and reads the engine's message in an error reply.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use http::response::Parts;

use super::html;
use super::json;
use super::operation::OperationInfo;
use super::reply::ReplyBody;
use crate::error::{Cause, Error, JsonError, Result, TlsError};

/// The maximum number of bytes that are read of an error reply; messages of engines are much
/// shorter.
const LONGEST_ERROR: usize = 4096;

/// The maximum number of characters of a redirect's target that are shown.
const LONGEST_ADDRESS: usize = 200;

/// The timeout of the message of an error reply. The status alone is sufficient for a report.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks that the status is a success for this operation; any other becomes an error with the
/// engine's message.
pub(super) async fn check(info: &OperationInfo, head: &Parts, body: &mut ReplyBody) -> Result<()> {
    let success = match head.status {
        StatusCode::SWITCHING_PROTOCOLS => info.hijacks,
        StatusCode::NOT_MODIFIED => info.may_be_unchanged,
        // Engines and versions differ: some send 200 where the API description contains 204, others
        // the opposite.
        other => other.is_success() && !info.hijacks,
    };
    if !success {
        return Err(error(head, body).await);
    }
    match info.is_json {
        true => check_json(head, body).await,
        false => Ok(()),
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
            "the engine replied with status {} instead of 101 (switching protocols); does a proxy \
             in between drop the `Upgrade` header?",
            status.as_u16()
        ));
    }
    let bytes = body.start(LONGEST_ERROR, MESSAGE_TIMEOUT).await;
    Error::local(match head.headers.get(LOCATION).and_then(|to| to.to_str().ok()) {
        Some(to) => Cause::Api {
            status,
            message: format!(
                "{}: a redirect to {}, which is not followed",
                reason(status),
                without_secrets(to)
            ),
        },
        None if status == StatusCode::BAD_REQUEST && expects_tls(&bytes) => {
            Cause::TlsError(TlsError::expected())
        }
        None if html::is_html(content_type(head), &bytes) => html_page(status, &bytes),
        None => Cause::Api {
            status,
            message: message(&bytes, status),
        },
    })
}

/// Whether a server rejects a request because it was sent without TLS: Go (all engines), nginx,
/// Apache.
fn expects_tls(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    [
        "sent an http request to an https server",
        "plain http request was sent to https port",
        "speaking plain http to an ssl-enabled server port",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// Checks that the reply is not an HTML page where JSON is expected.
async fn check_json(head: &Parts, body: &mut ReplyBody) -> Result<()> {
    if !html::is_html(content_type(head), &[]) {
        return Ok(());
    }
    let bytes = body.start(LONGEST_ERROR, MESSAGE_TIMEOUT).await;
    Err(Error::local(html_page(head.status, &bytes)))
}

/// Why a JSON reply could not be read; it may be an HTML page of another content type.
pub(super) fn unreadable(status: StatusCode, bytes: &[u8], error: JsonError) -> Cause {
    match html::is_html(None, bytes) {
        true => html_page(status, bytes),
        false => Cause::Decode(error),
    }
}

fn html_page(status: StatusCode, page: &[u8]) -> Cause {
    let words = html::first_words(page);
    Cause::HtmlPage { status, words }
}

fn content_type(head: &Parts) -> Option<&str> {
    head.headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("an unknown status")
}

/// The start of an address, without the user, the password and the query, which can be secret.
fn without_secrets(address: &str) -> String {
    let plain = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match plain.split_once("//") {
        Some((scheme, rest)) => (format!("{scheme}//"), rest),
        None => (String::new(), plain),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = match authority.rsplit_once('@') {
        Some((_user, host)) if !scheme.is_empty() => host,
        _ => authority,
    };
    let plain = format!("{scheme}{host}{path}");
    plain.chars().take(LONGEST_ADDRESS).collect()
}

/// The engine's message. Engines send it as JSON or plain text, and it may be missing.
fn message(bytes: &[u8], status: StatusCode) -> String {
    let mut message = String::new();
    let read = json::read_with(bytes, &mut |reader| {
        reader.members(&mut |key, reader| match key {
            // Podman replies to a rejected push with a line of progress, which contains `error`
            // instead.
            "message" | "error" => reader.string_or_null().map(|text| message = text.trim().into()),
            _ => reader.skip(),
        })
    });
    if read.is_ok() && !message.is_empty() {
        return message;
    }
    match String::from_utf8_lossy(bytes).trim() {
        // The reason phrase alone is not a message: Podman sends only "Not Found" for an unknown
        // route.
        "" | "{}" | "null" => format!("{}, without a message", reason(status)),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        for (address, shown) in [
            ("/v1.51/info", "/v1.51/info"),
            ("https://h:1/a@b?token=s3cret#x", "https://h:1/a@b"),
            ("https://u:s3cret@h/a", "https://h/a"),
            ("//u:s3cret@h", "//h"),
            ("/a?s3cret", "/a"),
        ] {
            assert_eq!(without_secrets(address), shown);
        }
    }
}
