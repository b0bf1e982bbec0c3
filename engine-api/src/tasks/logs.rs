//! Read the logs of a task.

use super::Tasks;
use crate::client::Docker;
use crate::common::{Timestamp, is_terminal};
use crate::error::Result;
use crate::wire::decode::Framed;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::Output;

pub(super) static LOGS: Operation<Framed> = Operation::get("TaskLogs", "/tasks/{id}/logs");

impl Tasks<'_> {
    /// Reads the output of a task so far; with `follow`, also later output.
    ///
    /// Only the logging drivers `local`, `json-file` and `journald` can be read.
    pub async fn logs(&self, id: &str, options: ReadTaskLogs) -> Result<Output> {
        read(self.docker, &LOGS, id, options, self.has_terminal(id)).await
    }

    async fn has_terminal(&self, id: &str) -> Result<bool> {
        Ok(self.inspect(id).await?.spec.has_terminal())
    }
}

/// The output to read, of a task or of all tasks of a service. Query of `TaskLogs` and
/// `ServiceLogs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTaskLogs {
    /// Whether to continue with new output.
    pub follow: bool,
    /// Whether to read standard output; on by default.
    pub stdout: bool,
    /// Whether to read standard error; on by default.
    pub stderr: bool,
    /// Only output since this time.
    pub since: Option<Timestamp>,
    /// Whether each line begins with its time, in RFC 3339 with nine digits.
    pub timestamps: bool,
    /// Number of lines from the end, for each task; `None` is all.
    pub tail: Option<u64>,
    /// Whether each line begins with its origin, as `k=v,…`: the node, the service, the task.
    pub details: bool,
}

impl Default for ReadTaskLogs {
    fn default() -> Self {
        Self {
            follow: false,
            stdout: true, // engines refuse to read neither
            stderr: true,
            since: None,
            timestamps: false,
            tail: None,
            details: false,
        }
    }
}

impl ReadTaskLogs {
    fn query(&self) -> Query {
        Query::new()
            .flag("follow", self.follow)
            .flag("stdout", self.stdout)
            .flag("stderr", self.stderr)
            .maybe("since", self.since)
            .flag("timestamps", self.timestamps)
            .maybe("tail", self.tail)
            .flag("details", self.details)
    }

    fn check(&self) -> Option<String> {
        let neither = !self.stdout && !self.stderr;
        neither.then(|| "neither stdout nor stderr is set; set at least one".into())
    }
}

/// Reads the logs of a task or a service. `has_terminal` is awaited if the reply does not show
/// whether the output has frames.
pub(crate) async fn read(
    docker: &Docker,
    operation: &'static Operation<Framed>,
    id: &str,
    options: ReadTaskLogs,
    has_terminal: impl Future<Output = Result<bool>>,
) -> Result<Output> {
    let call = docker.call(operation).at(id).query(options.query());
    let output = call.reject_if(options.check()).send().await?;
    let terminal = is_terminal(docker, output.announced(), has_terminal).await?;
    Ok(output.terminal(terminal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_read_both_streams_by_default() {
        let logs = ReadTaskLogs::default();
        assert_eq!(logs.query().as_str(), "stdout=true&stderr=true");
        assert_eq!(logs.check(), None);
        let logs = ReadTaskLogs {
            follow: true,
            stdout: false,
            stderr: false,
            since: Some(Timestamp::new(7, 1)),
            timestamps: true,
            tail: Some(0),
            details: true,
        };
        assert_eq!(
            logs.query().as_str(),
            "follow=true&since=7.000000001&timestamps=true&tail=0&details=true"
        );
        assert!(logs.check().is_some());
    }
}
