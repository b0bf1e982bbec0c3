//! The calls of the Docker daemon, printed with `-vv`.

use engine_api::Docker;
use engine_api::observe::CallReport;

use crate::console;
use crate::global::Global;

/// The client with the name of this program in its requests.
pub(crate) fn named(docker: Docker) -> Docker {
    let name = concat!("isolate/", env!("CARGO_PKG_VERSION"));
    // The name is legal in a header.
    docker.clone().with_user_agent(name).unwrap_or(docker)
}

/// Prepares a client of the daemon: with `-vv`, its calls are printed.
pub(crate) fn prepare(global: &Global) -> fn(Docker) -> Docker {
    match global.shows_calls() {
        true => printed,
        false => named,
    }
}

/// The client with the name of this program, whose calls are printed on standard error.
fn printed(docker: Docker) -> Docker {
    named(docker).with_observer(|call: &CallReport<'_>| console::trace(&line(call)))
}

/// A call in one line. It contains no query, header or body, so it contains no secret.
fn line(call: &CallReport<'_>) -> String {
    let subject = call.subject.filter(|subject| *subject != call.path);
    let subject = subject.map(|subject| format!(" {subject}")).unwrap_or_default();
    let outcome = match (call.status, call.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(kind)) => format!("{kind:?}"),
        (None, None) => "dropped".to_owned(),
    };
    let attempts = match call.attempts {
        0 | 1 => String::new(),
        more => format!(", {more} attempts"),
    };
    format!(
        "{} {} ({}{subject}): {outcome} in {:.1?}, {} sent, {} received{attempts}",
        call.method,
        call.path,
        call.operation,
        call.duration,
        isolation::counted(call.sent, "byte", "bytes"),
        call.received
    )
}
