//! The lines that the shell of a command prints about it.

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::NAME;
use crate::error::{Error, Result};

/// The most bytes of reports about a command.
const LONGEST: usize = 4096;

/// A report about a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// `B LEADER SHELL`: it runs.
    Begin { leader: u32, shell: u32 },
    /// `F WHY`: nothing was run.
    Refused(String),
    /// `E CODE`.
    End(i32),
}

impl Report {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        Some(match words.as_slice() {
            ["B", leader, shell] => Self::Begin {
                leader: leader.parse().ok()?,
                shell: shell.parse().ok()?,
            },
            ["F", why] => Self::Refused((*why).to_owned()),
            ["E", code] => Self::End(code.parse().ok()?),
            _ => return None,
        })
    }
}

/// The reports about a command.
pub(super) struct Reports {
    pipe: Receiver,
    pending: BytesMut,
}

impl Reports {
    pub(super) fn new(pipe: Receiver) -> Self {
        Self {
            pipe,
            pending: BytesMut::new(),
        }
    }

    /// The next report; `None` if the shell that sends them has ended. Dropping the future loses
    /// nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Report>> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line = self.pending.split_to(end + 1);
                let report = std::str::from_utf8(&line[..end]).ok().and_then(Report::parse);
                let invalid = || Error::engine(NAME, "the first process gave an invalid report");
                return report.ok_or_else(invalid).map(Some);
            }
            if self.pending.len() > LONGEST {
                return Err(Error::engine(NAME, "the first process gave an invalid report"));
            }
            let read = self.pipe.read_buf(&mut self.pending).await;
            if read.map_err(|error| Error::engine(NAME, error))? == 0 {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn reports_are_parsed() {
        let begin = Report::Begin { leader: 17, shell: 3 };
        for (line, expected) in [
            ("B 17 3", Some(begin)),
            ("F cwd", Some(Report::Refused("cwd".into()))),
            ("E 137", Some(Report::End(137))),
            ("E", None),
            ("B 17", None),
            ("B -1 3", None),
            ("", None),
        ] {
            assert_eq!(Report::parse(line), expected, "{line:?}");
        }
    }

    #[tokio::test]
    async fn report_without_an_end_is_an_error() {
        let (mut sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
        let mut reports = Reports::new(receiver);
        sender.write_all(b"E 3\nB 17").await.unwrap();
        assert_eq!(reports.next().await.unwrap(), Some(Report::End(3)));
        sender.write_all(&[b'x'; LONGEST]).await.unwrap();
        let error = reports.next().await.unwrap_err();
        assert!(
            format!("{error:?}").contains("gave an invalid report"),
            "{error:?}"
        );
        drop(sender);
        let (sender, receiver) = tokio::net::unix::pipe::pipe().unwrap();
        drop(sender);
        assert_eq!(Reports::new(receiver).next().await.unwrap(), None);
    }
}
