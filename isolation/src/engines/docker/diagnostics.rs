//! Diagnostics of a container on which a call failed, read before the container is removed.

use std::fmt;
use std::time::Duration;

use engine_api::Docker;
use engine_api::containers::{ContainerState, InspectContainer, ReadLogs, RunState};
use tokio::time::timeout;

use super::NAME;
use super::labels;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind};

/// How many lines of each stream are kept.
const LINES: u64 = 200;

/// How long reading the diagnostics may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A failed call on a container, with the state of the container and its last output.
///
/// It is the source of an [`Error`], and the daemon's own error is its source:
///
/// ```
/// # fn demo(error: &isolation::Error) {
/// use std::error::Error as _;
/// use isolation::engines::docker::ContainerDiagnostics;
///
/// let source = error.source();
/// let found = source.and_then(|source| source.downcast_ref::<ContainerDiagnostics>());
/// if let Some(diagnostics) = found {
///     diagnostics.stderr().iter().for_each(|line| eprintln!("{line}"));
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ContainerDiagnostics {
    what: String,
    state: Option<ContainerState>,
    stdout: Vec<String>,
    stderr: Vec<String>,
    source: Option<engine_api::Error>,
}

impl ContainerDiagnostics {
    /// The state of the container; `None` if it does not exist or the daemon does not report it.
    pub fn state(&self) -> Option<&ContainerState> {
        self.state.as_ref()
    }

    /// The last 200 lines that the container's first process wrote to standard output.
    pub fn stdout(&self) -> &[String] {
        &self.stdout
    }

    /// The last 200 lines that the container's first process wrote to standard error.
    pub fn stderr(&self) -> &[String] {
        &self.stderr
    }

    /// Whether the processes of the container are paused.
    pub(super) fn is_paused(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.paused)
    }

    /// The status of the environment, as the state of the container shows it.
    fn status(&self) -> Option<Status> {
        self.state.as_ref().map(|state| labels::status(&state.status))
    }

    /// Reads the diagnostics of a container on which a call failed.
    pub(super) async fn look(
        docker: &Docker,
        container: &str,
        what: &str,
        source: Option<engine_api::Error>,
    ) -> Self {
        let mut failure = Self {
            what: what.to_owned(),
            state: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
            source,
        };
        // Whatever was read before the timeout is kept. The failure itself is reported in any case.
        let _ = timeout(TIMEOUT, failure.fill(docker, container)).await;
        failure
    }

    async fn fill(&mut self, docker: &Docker, container: &str) {
        let containers = docker.containers();
        let inspected = containers.inspect(container, InspectContainer::default()).await;
        self.state = inspected.ok().map(|container| container.state);
        if self.state.is_some() {
            self.stdout = last_lines(docker, container, true).await;
            self.stderr = last_lines(docker, container, false).await;
        }
    }
}

async fn last_lines(docker: &Docker, container: &str, stdout: bool) -> Vec<String> {
    let options = ReadLogs {
        stdout,
        stderr: !stdout,
        tail: Some(LINES),
        ..ReadLogs::default()
    };
    let Ok(output) = docker.containers().logs(container, options).await else {
        return Vec::new();
    };
    let (out, err) = output.collect().await.unwrap_or_default();
    let text = String::from_utf8_lossy(if stdout { &out } else { &err }).into_owned();
    text.lines().map(str::to_owned).collect()
}

impl fmt::Display for ContainerDiagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(state) = &self.state {
            write!(f, "; the container is {}", state.status.as_ref())?;
            // A container that could not be started has a code, too, but no program has run.
            if state.status == RunState::Exited {
                write!(f, ", exit code {}", state.exit_code)?;
            }
            if state.oom_killed {
                f.write_str(", killed at its memory limit")?;
            }
        }
        match self.stderr.last().or(self.stdout.last()) {
            Some(line) => write!(f, "; last output: {line}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ContainerDiagnostics {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// The kind of an error is that of the daemon's error.
impl From<ContainerDiagnostics> for Error {
    fn from(diagnostics: ContainerDiagnostics) -> Self {
        let status = diagnostics.status();
        let kind = match &diagnostics.source {
            Some(error) if error.kind() == engine_api::ErrorKind::Timeout => ErrorKind::Timeout,
            _ => ErrorKind::Engine,
        };
        let error = Self::engine_with_kind(NAME, kind, diagnostics);
        match status {
            Some(status) => error.observed(status),
            None => error,
        }
    }
}

/// Converts an error of the client into one of this crate.
pub(super) fn to_error(error: engine_api::Error) -> Error {
    match error.kind() {
        engine_api::ErrorKind::Unreachable | engine_api::ErrorKind::TlsError => {
            Error::unavailable(NAME, reason(&error), hint(&error, None))
        }
        engine_api::ErrorKind::InvalidInput => Error::invalid(error.to_string()),
        // A file of this machine; the daemon has not failed.
        engine_api::ErrorKind::UploadSource => Error::invalid(format!("{error:#}")),
        engine_api::ErrorKind::Timeout => Error::engine_with_kind(NAME, ErrorKind::Timeout, error),
        _ if error.is_conflict() => Error::engine_with_kind(NAME, ErrorKind::Conflict, error),
        _ => Error::engine(NAME, error),
    }
}

/// The hint about a daemon that does not answer. A daemon that is `named` by the user is not
/// replaced by another one.
pub(super) fn hint(error: &engine_api::Error, named: Option<&str>) -> String {
    let forbidden = error.io_kind() == Some(std::io::ErrorKind::PermissionDenied);
    let own = if error.kind() == engine_api::ErrorKind::TlsError {
        "look at DOCKER_TLS_VERIFY, and at the certificates in DOCKER_CERT_PATH"
    } else if forbidden || reason(error).to_lowercase().contains("permission denied") {
        "add this user to the group of the socket and log in again"
    } else if named.is_some() {
        "start this daemon"
    } else {
        "start Docker or Podman, or set DOCKER_HOST to its address"
    };
    match named {
        Some(name) => format!("{own}; auto uses no other engine, because {name} names it"),
        None => own.to_owned(),
    }
}

/// Why no Docker daemon answers, on one line.
pub(super) fn reason(error: &engine_api::Error) -> String {
    match error.probed_endpoints() {
        [] => format!("{error:#}"),
        tried => {
            let one = |endpoint: &engine_api::error::ProbedEndpoint| {
                let outcome = endpoint.error.as_deref().unwrap_or("answers");
                format!("; {} ({}): {outcome}", endpoint.address, endpoint.source)
            };
            format!(
                "no Docker daemon answers{}",
                tried.iter().map(one).collect::<String>()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_prints_state_and_last_output_on_one_line() {
        let state = r#"{"Status":"exited","ExitCode":137,"OOMKilled":true}"#;
        let failure = ContainerDiagnostics {
            what: "it could not be started".into(),
            state: engine_api::from_json(state.as_bytes()).ok(),
            stdout: vec!["hello".into()],
            stderr: vec![],
            source: None,
        };
        assert_eq!(
            failure.to_string(),
            "it could not be started; the container is exited, exit code 137, \
             killed at its memory limit; last output: hello"
        );
        let error = Error::from(failure);
        assert_eq!(error.observed_status(), Some(Status::Stopped));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(
            source.downcast_ref::<ContainerDiagnostics>().unwrap().stdout(),
            ["hello"]
        );
    }
}
