//! Reading the logs of a container.

use super::Containers;
use crate::common::{Timestamp, is_terminal};
use crate::error::Result;
use crate::wire::decode::Framed;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::Output;

pub(super) static LOGS: Operation<Framed> = Operation::get("ContainerLogs", "/containers/{id}/logs");

impl Containers<'_> {
    /// Reads the logs of a container: the output so far, and with `follow` also the output to come.
    pub async fn logs(&self, id: &str, options: ReadLogs) -> Result<Output> {
        let call = self
            .docker
            .call(&LOGS)
            .at(id)
            .query(options.query())
            .reject_if(options.check());
        let output = call.send().await?;
        let terminal = is_terminal(self.docker, output.announced(), self.has_terminal(id)).await?;
        Ok(output.terminal(terminal))
    }
}

/// Which logs to read. Query of `ContainerLogs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLogs {
    /// Whether to continue with new output.
    pub follow: bool,
    /// Whether to read standard output; on by default.
    pub stdout: bool,
    /// Whether to read standard error; on by default.
    pub stderr: bool,
    /// Only output since this time, to the nanosecond; Podman reads times less exactly.
    pub since: Option<Timestamp>,
    /// Only output up to and including this time.
    pub until: Option<Timestamp>,
    /// Whether each line begins with its time, in RFC 3339 with nine decimals.
    pub timestamps: bool,
    /// Number of lines from the end; `None` is all.
    pub tail: Option<u64>,
    /// Whether each line begins with the labels and variables of the logging driver, as `k=v,…`.
    pub details: bool,
}

impl Default for ReadLogs {
    fn default() -> Self {
        Self {
            follow: false,
            stdout: true, // engines reject a call that reads neither
            stderr: true,
            since: None,
            until: None,
            timestamps: false,
            tail: None,
            details: false,
        }
    }
}

impl ReadLogs {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .flag("follow", self.follow)
            .flag("stdout", self.stdout)
            .flag("stderr", self.stderr)
            .maybe("since", self.since)
            .maybe("until", self.until)
            .flag("timestamps", self.timestamps)
            .maybe("tail", self.tail)
            .flag("details", self.details)
    }

    fn check(&self) -> Option<String> {
        let neither = !self.stdout && !self.stderr;
        neither.then(|| "logs need `stdout` or `stderr`; set at least one of them".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_read_both_streams_by_default() {
        assert_eq!(ReadLogs::default().query().as_str(), "stdout=true&stderr=true");
        let logs = ReadLogs {
            follow: true,
            stdout: false,
            since: Some(Timestamp::new(1_136_073_600, 1)),
            until: Some(Timestamp::new(0, 0)),
            tail: Some(0),
            details: true,
            timestamps: true,
            ..Default::default()
        };
        assert_eq!(
            logs.query().as_str(),
            "follow=true&stderr=true&since=1136073600.000000001&until=0.000000000&timestamps=true&tail=0&details=true"
        );
    }
}
