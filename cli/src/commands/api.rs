//! `isolate api`: one call of the Docker Engine API by method and path; prints the reply.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use engine_api::{OperationInfo, RawReply};
use engine_fixtures::coverage::{Coverage, Recorded};
use serde_json::{Value, json};

use crate::client::Client;
use crate::console::Console;
use crate::error::CliError;
use crate::escape;
use crate::exit_code;
use crate::parse;
use crate::table::table;

/// Call the Docker Engine API by method and path, and print the reply
///
/// A path without a version gets the negotiated version. On a terminal, control characters of the
/// reply are shown as codes such as \x1b; a file or a pipe gets the bytes of the reply.
///
/// With --json, the first line contains the status and the headers, and each further line a value
/// of the body.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Print every supported operation and the engines on which it was recorded; send no request
    #[arg(long, exclusive = true)]
    list: bool,
    /// The HTTP method
    #[arg(required_unless_present = "list")]
    method: Option<String>,
    /// The path with its query: /containers/json?all=true
    #[arg(required_unless_present = "list")]
    path: Option<String>,
    /// The request body: JSON, @FILE for a file, - for standard input
    #[arg(long, short, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    data: Option<String>,
    /// A request header, such as "X-Registry-Auth: …"; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    #[arg(value_parser = parse::Hidden(parse::header))]
    headers: Vec<parse::Header>,
}

impl Api {
    pub(crate) async fn run(&self, client: &Client, console: Console) -> Result<u8, CliError> {
        let (Some(method), Some(path)) = (&self.method, &self.path) else {
            return list(console);
        };
        check(method, path)?;
        let body = self.data.as_deref().map(read).transpose()?;
        let docker = client.any().await?;
        console.detail(&format!("calling {method} {path} at {}", docker.address()));
        let mut call = docker.raw(method, path);
        if let Some(body) = body {
            call = call.json(body);
        }
        for header in &self.headers {
            call = call.header(&header.name, &header.value);
        }
        let mut reply = call.send().await?;
        let status = reply.status;
        if console.json {
            as_json(&mut reply, console).await?;
        } else {
            as_text(&mut reply, console).await?;
        }
        check_status(status)
    }
}

/// Rejects an invalid request before a daemon is searched.
fn check(method: &str, path: &str) -> Result<(), CliError> {
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let text = format!("{method:?} is not an HTTP method; write GET, POST, PUT, DELETE or HEAD");
        return Err(CliError::new(text));
    }
    if !path.starts_with('/') {
        let text = format!("the path {path:?} must start with `/`; write /{path}");
        return Err(CliError::new(text).hint("`isolate api --list` lists the paths"));
    }
    Ok(())
}

/// An error status has its own exit code. An error without a reply has another one.
fn check_status(status: u16) -> Result<u8, CliError> {
    if status < 400 {
        return Ok(exit_code::SUCCESS);
    }
    Err(CliError::new(format!("the Docker daemon replied with status {status}")).with_code(exit_code::NO))
}

fn read(data: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = match data.strip_prefix('@') {
        Some(path) => std::fs::read(path).map(|content| bytes = content),
        None if data == "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        None => return Ok(data.into()),
    };
    read.map_err(|error| CliError::new(format!("cannot read the body from {data}")).because(&error))?;
    Ok(bytes)
}

fn list(console: Console) -> Result<u8, CliError> {
    let coverage = Coverage::known();
    if console.json {
        let rows: Vec<Value> = coverage
            .rows()
            .map(|(info, seen)| operation_json(info, &coverage, seen))
            .collect();
        console.value(&rows)?;
    } else {
        let row = |(info, seen): (&OperationInfo, &[Recorded])| {
            let recorded = recorded_on(coverage.engines(), seen);
            let since = info.since.to_string();
            [info.id, info.method, info.path, &since, info.reply, &recorded].map(str::to_owned)
        };
        let rows: Vec<_> = coverage.rows().map(row).collect();
        let head = ["ID", "METHOD", "PATH", "SINCE", "REPLY", "RECORDED ON"];
        console.text(&table(head, &rows))?;
    }
    Ok(exit_code::SUCCESS)
}

/// An operation, its recordings on each engine, and the reasons for missing recordings.
fn operation_json(info: &OperationInfo, coverage: &Coverage, seen: &[Recorded]) -> Value {
    let words: serde_json::Map<String, Value> = coverage
        .engines()
        .iter()
        .zip(seen)
        .map(|(engine, seen)| (engine.clone(), seen.word().into()))
        .collect();
    let reasons: Vec<&str> = coverage.reasons(info.id).map(|reason| reason.why).collect();
    json!({
        "id": info.id, "method": info.method, "path": info.path, "since": info.since.to_string(),
        "success": info.success, "reply": info.reply, "recorded": words, "reasons": reasons,
    })
}

/// A short list of engines: `all`, `docker-20 docker-28; refused by podman-5`, `none`.
fn recorded_on(engines: &[String], seen: &[Recorded]) -> String {
    let those = |wanted: Recorded| {
        let those = engines.iter().zip(seen).filter(|(_, seen)| **seen == wanted);
        those.map(|(engine, _)| engine.as_str()).collect::<Vec<_>>()
    };
    let (answered, refused) = (those(Recorded::Answered), those(Recorded::Refused));
    let mut text = match answered.len() {
        0 => "none".to_owned(),
        n if n == engines.len() => "all".to_owned(),
        _ => answered.join(" "),
    };
    if !refused.is_empty() {
        text.push_str("; refused by ");
        text.push_str(&refused.join(" "));
    }
    text
}

/// Prints the body: unchanged into a file or a pipe, and escaped on a terminal.
async fn as_text(reply: &mut RawReply, console: Console) -> Result<(), CliError> {
    let mut escaped = console.is_terminal().then(escape::Pieces::default);
    while let Some(piece) = reply.body.next().await {
        let piece = piece?;
        match &mut escaped {
            Some(escaped) => console.bytes(escaped.push(&piece).as_bytes())?,
            None => console.bytes(&piece)?,
        }
    }
    match escaped {
        Some(escaped) => console.bytes(escaped.finish().as_bytes()),
        None => Ok(()),
    }
}

/// Prints a line with status and headers, then a line for each JSON value of the body as soon as it
/// is complete.
async fn as_json(reply: &mut RawReply, console: Console) -> Result<(), CliError> {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.to_string(),
            Value::from(String::from_utf8_lossy(value.as_bytes())),
        )
    };
    let headers: serde_json::Map<String, Value> = reply.headers.iter().map(header).collect();
    console.value(&json!({ "status": reply.status, "headers": headers }))?;
    let mut rest = Vec::new();
    while let Some(piece) = reply.body.next().await {
        rest.extend_from_slice(&piece?);
        // Parsing an incomplete value again after every piece would take quadratic time.
        if matches!(rest.trim_ascii_end().last(), Some(b'}' | b']')) {
            drain(&mut rest, console)?;
        }
    }
    drain(&mut rest, console)?;
    match rest.trim_ascii() {
        [] => Ok(()),
        _ => console.value(&body_value(&rest)),
    }
}

/// Prints the complete values and removes them from `rest`.
fn drain(rest: &mut Vec<u8>, console: Console) -> Result<(), CliError> {
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
    let mut read = 0;
    while let Some(Ok(value)) = values.next() {
        console.value(&json!({ "body": value }))?;
        read = values.byte_offset();
    }
    rest.drain(..read);
    Ok(())
}

/// A body that is not JSON: text, or bytes in base64.
fn body_value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_an_argument_or_a_file() {
        assert_eq!(read("{}").unwrap(), b"{}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1]").unwrap();
        assert_eq!(read(&format!("@{}", file.path().display())).unwrap(), b"[1]");
        assert!(read("@/no/such").unwrap_err().text().contains("/no/such"));
    }

    #[test]
    fn method_and_path_are_checked_before_any_request() {
        assert!(check("get", "/_ping?x=1").is_ok());
        let text = |method: &str, path: &str| check(method, path).unwrap_err().text();
        assert!(text("G ET", "/info").contains("\"G ET\" is not an HTTP method"));
        assert!(text("", "/info").contains("GET, POST"));
        assert!(text("GET", "info").contains("write /info\n"));
        assert!(text("GET", "http://x/info").contains("must start with"));
    }

    #[test]
    fn error_status_has_exit_code_1() {
        assert_eq!(check_status(304).unwrap(), exit_code::SUCCESS);
        assert_eq!(check_status(404).unwrap_err().code(), exit_code::NO);
    }

    #[test]
    fn recorded_engines_are_a_short_list() {
        let engines = ["a".to_owned(), "b".to_owned()];
        let text = |seen: [Recorded; 2]| recorded_on(&engines, &seen);
        assert_eq!(text([Recorded::Answered, Recorded::Answered]), "all");
        assert_eq!(text([Recorded::Never, Recorded::Older]), "none");
        assert_eq!(text([Recorded::Answered, Recorded::Refused]), "a; refused by b");
        assert_eq!(
            text([Recorded::Refused, Recorded::Refused]),
            "none; refused by a b"
        );
    }

    #[test]
    fn body_that_is_not_text_is_base64() {
        assert_eq!(body_value(b"OK"), json!({ "text": "OK" }));
        assert_eq!(body_value(b"\xff"), json!({ "base64": "/w==" }));
    }
}
