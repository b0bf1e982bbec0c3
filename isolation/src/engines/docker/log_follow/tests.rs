//! A daemon that skips lines for a follower that is behind.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use engine_api::connect::{BoxStream, Connecting, Connector};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

use super::*;
use crate::error::ErrorKind;
use crate::logs::LogEntry;

/// A daemon with one log, behind the address of a socket of this machine.
#[derive(Debug, Clone)]
struct Daemon(Arc<State>);

#[derive(Debug)]
struct State {
    /// The numbers of the lines in each reply. Without numbers, the container is gone.
    replies: Mutex<VecDeque<Option<Vec<u64>>>>,
    requests: Mutex<Vec<String>>,
    /// The follower has begun.
    begun: Notify,
    /// The time of the line 0.
    since: Mutex<Option<SystemTime>>,
    /// Whether the last line of a reply has no end.
    torn: AtomicBool,
}

impl Connector for Daemon {
    fn connect(&self) -> Connecting<'_> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(self.clone().serve(theirs));
        Box::pin(std::future::ready(Ok(Box::new(ours) as BoxStream)))
    }

    fn address(&self) -> String {
        "unix:///run/docker.sock".to_owned()
    }
}

const PING: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nServer: Docker/28.5.2 (linux)\r\n\
                    Content-Length: 2\r\n\r\nOK";

const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\
                    Content-Length: 16\r\n\r\n{\"message\":\"no\"}";

const LOG: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
                   Connection: close\r\n\r\n";

/// The time between two lines with successive numbers: less than what is examined.
const STEP: Duration = Duration::from_millis(10);

/// How late the first line arrives: later than the last line was written.
const LATE: Duration = Duration::from_millis(200);

impl Daemon {
    fn new(replies: impl IntoIterator<Item = Option<Vec<u64>>>) -> Self {
        Self(Arc::new(State {
            replies: Mutex::new(replies.into_iter().collect()),
            requests: Mutex::default(),
            begun: Notify::new(),
            since: Mutex::default(),
            torn: AtomicBool::new(false),
        }))
    }

    /// Answers the requests of one connection; they have no body.
    async fn serve(self, mut stream: DuplexStream) {
        let mut head = Vec::new();
        while let Ok(byte) = stream.read_u8().await {
            head.push(byte);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
            let target = text.split(' ').nth(1).unwrap().to_owned();
            if target.ends_with("/_ping") {
                stream.write_all(PING.as_bytes()).await.unwrap();
                continue;
            }
            self.0.requests.lock().unwrap().push(target);
            let numbers = self.0.replies.lock().unwrap().pop_front();
            match numbers {
                Some(None) => stream.write_all(GONE.as_bytes()).await.unwrap(),
                None => return stream.write_all(LOG.as_bytes()).await.unwrap(),
                // The client may have seen enough.
                Some(Some(numbers)) => return drop(self.log(&mut stream, &numbers).await),
            }
        }
    }

    async fn log(&self, stream: &mut DuplexStream, numbers: &[u64]) -> std::io::Result<()> {
        stream.write_all(LOG.as_bytes()).await?;
        let known = *self.0.since.lock().unwrap();
        let since = match known {
            Some(since) => since,
            None => {
                self.0.begun.notified().await;
                let since = SystemTime::now();
                *self.0.since.lock().unwrap() = Some(since);
                sleep(LATE).await;
                since
            }
        };
        for number in numbers {
            let at = since + STEP * u32::try_from(*number).unwrap();
            let mut line = format!("{} {number}\n", Timestamp::from(at).to_rfc3339());
            if self.0.torn.load(Ordering::Relaxed) && Some(number) == numbers.last() {
                line.pop();
            }
            let length = u32::try_from(line.len()).unwrap().to_be_bytes();
            let frame = [&[1, 0, 0, 0], &length[..], line.as_bytes()].concat();
            stream.write_all(&frame).await?;
        }
        Ok(())
    }

    /// Follows the log to its end. Returns the numbers, and `None` for a gap.
    async fn follow(&self) -> (Vec<Option<u64>>, Result<()>) {
        let docker = Docker::with_connector(self.clone());
        let query = ReadLogs {
            follow: true,
            stdout: true,
            stderr: true,
            timestamps: true,
            ..ReadLogs::default()
        };
        let output = docker.containers().logs("web", query.clone()).await.unwrap();
        let buffer = Buffer::default();
        let follower = Follower {
            docker,
            container: "web".to_owned(),
            query,
            podman: false,
            buffer: buffer.clone(),
        };
        let mut run = pin!(follower.run(output));
        let first = poll_fn(|context| Poll::Ready(run.as_mut().poll(context))).await;
        assert!(first.is_pending());
        self.0.begun.notify_one();
        run.await;
        let mut found = Vec::new();
        loop {
            match buffer.next().await {
                Ok(Some(LogEntry::Line(line))) => found.push(line.text_lossy().parse().ok()),
                Ok(Some(LogEntry::Gap { lines })) => {
                    assert_eq!(lines, 0);
                    found.push(None);
                }
                Ok(None) => return (found, Ok(())),
                Err(error) => return (found, Err(error)),
            }
        }
    }
}

fn numbers(all: impl IntoIterator<Item = u64>) -> Vec<Option<u64>> {
    all.into_iter().map(Some).collect()
}

#[tokio::test]
async fn skipped_lines_are_read_again() {
    let daemon = Daemon::new([Some(vec![0, 1, 5]), Some(vec![1, 2, 3, 4, 5, 6])]);
    let (found, outcome) = daemon.follow().await;
    outcome.unwrap();
    assert_eq!(found, numbers(0..=6));
    let requests = daemon.0.requests.lock().unwrap();
    // The last one reads the lines that a daemon does not send at the end.
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(
        !requests[0].contains("since=") && requests[1].contains("since="),
        "{requests:?}"
    );
}

/// The skipped lines are noticed only at the end of the connection.
#[tokio::test]
async fn lines_before_a_torn_one_are_read_again() {
    let daemon = Daemon::new([Some(vec![0, 1, 5]), Some(vec![1, 2, 3, 4, 5, 6])]);
    daemon.0.torn.store(true, Ordering::Relaxed);
    let (found, outcome) = daemon.follow().await;
    outcome.unwrap();
    assert_eq!(found, numbers(0..=6));
}

#[tokio::test]
async fn skipped_lines_that_are_removed_are_a_gap() {
    let daemon = Daemon::new([Some(vec![0, 1, 5]), Some(vec![5, 6])]);
    let (found, outcome) = daemon.follow().await;
    outcome.unwrap();
    assert_eq!(found, [Some(0), Some(1), None, Some(5), Some(6)]);
}

#[tokio::test]
async fn container_that_is_gone_meanwhile_is_an_error() {
    let daemon = Daemon::new([Some(vec![0, 1, 5]), None]);
    let (found, outcome) = daemon.follow().await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Lost);
    assert_eq!(found, numbers(0..=1));
}
