//! The requests that `isolate run` sends: a proxy in front of the daemon may refuse some.

use engine_api::{Docker, RawReply, ReplyLimits};
use serde::Serialize;

/// No container and no image can have this name, so no request changes anything: the daemon rejects
/// the name.
const NAME: &str = "_isolate_doctor";

/// The longest reply that is read, in bytes.
const LONGEST_REPLY: usize = 1024 * 1024;

/// The longest reason that is shown, in characters.
const LONGEST_REASON: usize = 200;

/// A request, and its purpose. `{}` in a path stands for [`NAME`].
struct Request {
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    purpose: &'static str,
    /// Whether `isolate run` fails without it.
    needed: bool,
}

/// A request that is refused.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    method: &'static str,
    path: &'static str,
    purpose: &'static str,
    /// Whether `isolate run` fails without it.
    pub(super) needed: bool,
    /// The status and the reason, or the error of a request without a reply.
    reason: String,
}

const fn request(method: &'static str, path: &'static str, purpose: &'static str) -> Request {
    Request {
        method,
        path,
        body: None,
        purpose,
        needed: true,
    }
}

impl Request {
    const fn with_body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    const fn optional(mut self) -> Self {
        self.needed = false;
        self
    }
}

const REQUESTS: [Request; 15] = [
    request("GET", "/_ping", "find the API version").optional(),
    request("GET", "/version", "report the product").optional(),
    request("GET", "/info", "find the limits that can be enforced"),
    request("GET", "/containers/json", "find environments that are left over"),
    request("POST", "/containers/create", "create an environment")
        .with_body(r#"{"Image":"_isolate_doctor"}"#),
    request("POST", "/images/create?fromImage={}", "pull an image").optional(),
    request("POST", "/containers/{}/start", "start an environment"),
    request("GET", "/containers/{}/json", "check the limits of an environment"),
    request("POST", "/containers/{}/exec", "run a command").with_body(r#"{"Cmd":["true"]}"#),
    request("POST", "/exec/{}/start", "run a command").with_body(r#"{"Detach":true}"#),
    request("GET", "/exec/{}/json", "read an exit code"),
    request(
        "PUT",
        "/containers/{}/archive?path=/",
        "copy files into an environment",
    ),
    request(
        "GET",
        "/containers/{}/archive?path=/",
        "copy files out of an environment",
    ),
    request(
        "GET",
        "/containers/{}/logs?stdout=1",
        "report why an environment ended",
    )
    .optional(),
    request("DELETE", "/containers/{}?force=1", "remove an environment"),
];

/// Sends every request that `isolate run` needs, and returns those that are refused.
pub(super) async fn refused(docker: &Docker) -> Vec<Refusal> {
    let docker = docker.clone().with_reply_limits(ReplyLimits {
        collected: LONGEST_REPLY,
        ..ReplyLimits::default()
    });
    let mut refusals = Vec::new();
    for request in REQUESTS {
        if let Some(reason) = request.refusal(&docker).await {
            refusals.push(Refusal {
                method: request.method,
                path: request.path.split('?').next().unwrap_or_default(),
                purpose: request.purpose,
                needed: request.needed,
                reason,
            });
        }
    }
    refusals
}

impl Request {
    /// Why the request is refused; `None` if the daemon has received it.
    async fn refusal(&self, docker: &Docker) -> Option<String> {
        let path = self.path.replace("{}", NAME);
        let call = docker.raw(self.method, &path);
        let call = match self.body {
            Some(body) => call.json(body),
            None => call,
        };
        match call.send().await {
            Ok(reply) => reason(reply).await,
            Err(error) => Some(one_row(&format!("{error:#}"))),
        }
    }
}

/// The reason in a reply of a proxy, or of a plugin of the daemon.
async fn reason(reply: RawReply) -> Option<String> {
    let status = reply.status;
    let content_type = reply.headers.get("content-type");
    let html = content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let body = reply.body.collect().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let text = text.trim();
    // The daemon itself replies to a path that it knows with JSON.
    let unknown = status == 404 && (html || !text.starts_with('{'));
    if !matches!(status, 401 | 403 | 405 | 407) && !unknown {
        return None;
    }
    let message: Option<String> = serde_json::from_str(text)
        .ok()
        .and_then(|reply: serde_json::Value| Some(reply.get("message")?.as_str()?.to_owned()));
    Some(match message {
        Some(message) => format!("status {status}: {}", one_row(&message)),
        None => format!("status {status}"),
    })
}

/// The start of a text, without line ends.
fn one_row(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_REASON).collect()
}

/// The section of the report; empty if nothing is refused.
pub(super) fn text(refused: &[Refusal]) -> String {
    if refused.is_empty() {
        return String::new();
    }
    let title = "Requests of `isolate run` that are refused; is there a proxy in front of the daemon?\n";
    let rows: String = refused.iter().map(Refusal::text).collect();
    format!("{title}{rows}")
}

impl Refusal {
    /// The request as a row of the report, with the reason and its purpose.
    fn text(&self) -> String {
        let Self {
            method,
            path,
            purpose,
            reason,
            ..
        } = self;
        let verb = if self.needed { "needed" } else { "used" };
        format!("  {method} {path} ({reason}): {verb} to {purpose}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_change_something_have_the_name() {
        for request in REQUESTS.iter().filter(|request| request.method != "GET") {
            let body = request.body.unwrap_or_default();
            let named = request.path.contains("{}") || body.contains(NAME);
            assert!(named, "{} {}", request.method, request.path);
        }
    }
}
