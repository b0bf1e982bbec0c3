//! Spans for calls, with the attributes of OpenTelemetry's conventions for HTTP clients.

use tracing::field::Empty;

use super::{CallReport, CallStart, Observer, OnEnd};
use crate::connect::Address;

/// Creates a span for each call; see [`Docker::with_tracing`](crate::Docker).
///
/// The span has the level `DEBUG` and the target `engine_api`. Its attributes are those of
/// OpenTelemetry's conventions for HTTP clients: `http.request.method`, `url.template`,
/// `server.address`, `server.port`, `http.response.status_code`, `error.type`,
/// `http.request.resend_count`, `http.request.body.size` and `http.response.body.size`, and also
/// `docker.operation` and `docker.subject`. It has no `url.full`, because queries may contain
/// secrets. `tracing-opentelemetry` reads `otel.name` and `otel.kind`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spans;

impl Observer for Spans {
    fn begin(&self, call: &CallStart<'_>) -> OnEnd {
        let (host, port) = server(call.address);
        let span = tracing::debug_span!(
            target: "engine_api",
            "docker",
            otel.name = format!("{} {}", call.method, call.path),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = call.method,
            url.template = call.path,
            server.address = host,
            server.port = port,
            docker.operation = call.operation,
            docker.subject = call.subject,
            http.response.status_code = Empty,
            error.type = Empty,
            http.request.resend_count = Empty,
            http.request.body.size = Empty,
            http.response.body.size = Empty,
        );
        Box::new(move |report| end(&span, report))
    }
}

fn end(span: &tracing::Span, report: &CallReport<'_>) {
    if let Some(status) = report.status {
        span.record("http.response.status_code", status);
    }
    if let Some(kind) = report.error {
        // The conventions require the status, if there is one.
        match report.status.filter(|status| *status >= 400) {
            Some(status) => span.record("error.type", status.to_string()),
            None => span.record("error.type", format!("{kind:?}")),
        };
        span.record("otel.status_code", "ERROR");
    }
    if report.attempts > 1 {
        span.record("http.request.resend_count", report.attempts - 1);
    }
    span.record("http.request.body.size", report.sent);
    span.record("http.response.body.size", report.received);
}

/// The host and port of an engine; for a socket, its address.
fn server(address: &str) -> (String, Option<u16>) {
    match address.parse() {
        Ok(Address::Unix(path)) => (path.display().to_string(), None),
        Ok(Address::Tcp { host, port, .. } | Address::Tls { host, port, .. }) => (host, Some(port)),
        Ok(Address::Ssh { host, port, .. }) => (host, port),
        _ => (address.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::error::ErrorKind;

    /// Keeps the attributes of the only span.
    #[derive(Clone, Default)]
    struct Attributed(Arc<Mutex<BTreeMap<String, String>>>);

    impl Visit for Attributed {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let value = format!("{value:?}").trim_matches('"').to_owned();
            self.0.lock().unwrap().insert(field.name().into(), value);
        }
    }

    impl Subscriber for Attributed {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "engine_api"
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            span.record(&mut self.clone());
            Id::from_u64(1)
        }
        fn record(&self, _span: &Id, values: &Record<'_>) {
            values.record(&mut self.clone());
        }
        fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
        fn event(&self, _event: &Event<'_>) {}
        fn enter(&self, _span: &Id) {}
        fn exit(&self, _span: &Id) {}
    }

    #[test]
    fn span_has_the_attributes_of_the_conventions() {
        let attributes = Attributed::default();
        let call = CallStart {
            operation: "ContainerInspect",
            subject: Some("web"),
            method: "GET",
            path: "/containers/{id}/json",
            address: "tcp://h:2375",
        };
        let report = CallReport {
            operation: call.operation,
            subject: call.subject,
            method: call.method,
            path: call.path,
            status: Some(404),
            error: Some(ErrorKind::Api),
            complete: true,
            attempts: 2,
            head: None,
            duration: std::time::Duration::ZERO,
            sent: 1,
            received: 2,
        };
        tracing::subscriber::with_default(attributes.clone(), || Spans.begin(&call)(&report));
        let found = attributes.0.lock().unwrap();
        let shown: Vec<String> = found
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            shown,
            [
                "docker.operation=ContainerInspect",
                "docker.subject=web",
                "error.type=404",
                "http.request.body.size=1",
                "http.request.method=GET",
                "http.request.resend_count=1",
                "http.response.body.size=2",
                "http.response.status_code=404",
                "otel.kind=client",
                "otel.name=GET /containers/{id}/json",
                "otel.status_code=ERROR",
                "server.address=h",
                "server.port=2375",
                "url.template=/containers/{id}/json",
            ]
        );
    }

    #[test]
    fn span_of_a_call_without_a_reply_has_the_kind() {
        let call = CallStart {
            operation: "SystemPing",
            subject: None,
            method: "GET",
            path: "/_ping",
            address: "ssh://me@h:22",
        };
        for (error, expected) in [(None, None), (Some(ErrorKind::Timeout), Some("Timeout"))] {
            let attributes = Attributed::default();
            let report = CallReport {
                operation: call.operation,
                subject: None,
                method: call.method,
                path: call.path,
                status: Some(200),
                error,
                complete: false,
                attempts: 1,
                head: None,
                duration: std::time::Duration::ZERO,
                sent: 0,
                received: 0,
            };
            tracing::subscriber::with_default(attributes.clone(), || Spans.begin(&call)(&report));
            let found = attributes.0.lock().unwrap();
            assert_eq!(found.get("error.type").map(String::as_str), expected);
            assert_eq!(found.contains_key("otel.status_code"), expected.is_some());
            assert_eq!(
                (found["server.address"].as_str(), found["server.port"].as_str()),
                ("h", "22")
            );
        }
    }

    #[test]
    fn server_is_a_host_or_a_socket() {
        assert_eq!(server("unix:///run/d.sock"), ("/run/d.sock".into(), None));
        assert_eq!(server("tcp://[::1]:99/base"), ("::1".into(), Some(99)));
        assert_eq!(server("test://x"), ("test://x".into(), None));
    }
}
