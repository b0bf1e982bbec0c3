#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests, too

// Relays of programs that are slow, silent or many.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use super::forward::CAN_CONNECT;
use super::programs::COPIED;
use super::{Start, expose, forward};
use crate::command::stdin::Stdin;
use crate::{
    BoxFuture, Chunk, Command, CopySource, Error, ErrorKind, Execution, ExitStatus, Result, RunningProcess,
    Signal,
};

/// The maximum number of open connections of a relay.
const MOST: usize = 128;

/// Further connections, which wait.
const MORE: usize = 2;

/// The output of a command, which ends when it is notified.
struct Prints(VecDeque<Chunk>, Arc<Notify>);

impl RunningProcess for Prints {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>>> {
        Box::pin(async {
            if self.0.is_empty() {
                self.1.notified().await;
            }
            Ok(self.0.pop_front())
        })
    }

    fn wait(&mut self) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(std::future::ready(Ok(ExitStatus::from_code(0))))
    }

    fn kill(&mut self, _: Signal) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn prints(chunks: impl IntoIterator<Item = Chunk>, end: &Arc<Notify>) -> Execution {
    let process = Prints(chunks.into_iter().collect(), Arc::clone(end));
    Execution::new(Box::new(process), None, &Command::default())
}

/// A command that ends after this output.
fn printed(text: &'static str) -> Execution {
    let end = Arc::new(Notify::new());
    end.notify_one();
    prints([Chunk::Stdout(text.into())], &end)
}

/// An image whose commands for connections start when the test lets them.
#[derive(Debug)]
struct Slow {
    lines: String,
    /// Ends the listening program.
    end: Arc<Notify>,
    started: AtomicUsize,
    room: Semaphore,
}

impl Slow {
    fn new(lines: String) -> Arc<Self> {
        Arc::new(Self {
            lines,
            end: Arc::default(),
            started: AtomicUsize::new(0),
            room: Semaphore::new(0),
        })
    }

    async fn until(&self, started: usize) {
        let all_started = async {
            while self.started.load(Ordering::Acquire) < started {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let late = |_| panic!("{:?} instead of {started} have started", self.started);
        timeout(Duration::from_secs(60), all_started)
            .await
            .unwrap_or_else(late);
        // More of them would start now.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.started.load(Ordering::Acquire), started);
    }
}

impl Start for Slow {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let text = command.argv.join(" ");
            if text.contains("LISTEN") {
                let ready = Chunk::Stdout(format!("ready\n{}", self.lines).into());
                return Ok(prints([ready], &self.end));
            }
            if text.contains(CAN_CONNECT) {
                return Ok(printed(""));
            }
            self.started.fetch_add(1, Ordering::AcqRel);
            self.room.acquire().await.unwrap().forget();
            Err(Error::not_found("the program"))
        })
    }

    fn copy_in<'a>(&'a self, _: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { panic!("{target} is not needed") })
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

fn nowhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 1).into()
}

#[tokio::test]
async fn connections_from_inside_are_bounded() {
    let slow = Slow::new("/run/pipes\n".repeat(MOST + MORE));
    let relay = expose(slow.clone(), 80, nowhere()).await.unwrap();
    // Each has a command for each direction.
    slow.until(2 * MOST).await;
    assert!(!relay.has_ended());
    slow.room.add_permits(2 * MORE);
    slow.until(2 * (MOST + MORE)).await;
    // The relay ends with the program inside.
    slow.end.notify_one();
    while !relay.has_ended() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn connections_to_a_port_inside_are_bounded() {
    let slow = Slow::new(String::new());
    let target = (Ipv4Addr::LOCALHOST.into(), 80);
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let (_relay, at) = forward(slow.clone(), any, target).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..MOST + MORE {
        clients.push(TcpStream::connect(at).await.unwrap());
    }
    slow.until(MOST).await;
    slow.room.add_permits(MORE);
    slow.until(MOST + MORE).await;
}

/// A program inside that neither listens nor ends.
#[derive(Debug)]
struct Silent;

impl Start for Silent {
    fn start<'a>(&'a self, _: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async { Ok(prints([], &Arc::default())) })
    }

    fn copy_in<'a>(&'a self, _: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { panic!("{target} is not needed") })
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn program_that_never_listens_is_given_up() {
    let error = expose(Arc::new(Silent), 80, nowhere()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("no program inside listens at port 80 after 10s"),
        "{text}"
    );
}

/// An image whose programs are those of a copied BusyBox.
#[derive(Debug)]
struct Copied;

impl Start for Copied {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async move {
            let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
            Ok(match words[..] {
                [COPIED, "true"] => printed(""),
                // The listener needs the programs of the same BusyBox.
                [COPIED, "sh", .., COPIED] => printed("ready\n"),
                _ => printed("no such program\n"),
            })
        })
    }

    fn copy_in<'a>(&'a self, _: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { panic!("{target} was copied before") })
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

#[tokio::test]
async fn copied_busybox_listens_inside() {
    let relay = expose(Arc::new(Copied), 80, nowhere()).await.unwrap();
    while !relay.has_ended() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// A command that reads no input, and prints after it has learned that.
#[derive(Debug)]
struct Deaf;

impl Start for Deaf {
    fn start<'a>(&'a self, command: &'a Command) -> BoxFuture<'a, Result<Execution>> {
        Box::pin(async {
            let (ours, theirs) = duplex(16);
            drop(theirs);
            let chunks = [Chunk::Stderr("a warning".into()), Chunk::Stdout("text".into())];
            let end = Arc::new(Notify::new());
            end.notify_one();
            let process = Prints(chunks.into(), end);
            Ok(Execution::new(Box::new(process), Some(Stdin::new(ours)), command))
        })
    }

    fn copy_in<'a>(&'a self, _: CopySource, target: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { panic!("{target} is not needed") })
    }

    fn busybox(&self) -> Option<PathBuf> {
        None
    }
}

#[tokio::test]
async fn command_that_reads_nothing_is_still_heard() {
    let target = (Ipv4Addr::LOCALHOST.into(), 80);
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let (_relay, at) = forward(Arc::new(Deaf), any, target).await.unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"request").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert_eq!(reply, "text", "errors are no part of the connection");
}
