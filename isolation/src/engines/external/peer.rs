//! The other program: a process, a thread that communicates with it, and the running requests.
//!
//! The thread has its own runtime, so that an environment can be used from any runtime, and dropped
//! outside a runtime.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::contexts::Contexts;
use super::pending::{Item, Once, Pending, Stream, Table, read_result, unexpected};
use super::program::{ENDING, end, ended, listen, spawn};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::answer::{Answer, Welcome};
use crate::protocol::call::{Call, Hello, JournalKeeper, Nothing, OfRequest, Request};
use crate::protocol::faults;
use crate::protocol::line::{LineError, Lines, line};
use crate::protocol::{VERSION, WINDOW};

/// Timeout of the start of a command.
const STARTING: Duration = Duration::from_secs(60);

/// The other program. Dropping the last handle ends its input.
#[derive(Debug)]
pub(super) struct Peer {
    lines: mpsc::UnboundedSender<Bytes>,
    table: Arc<Table>,
    runtime: Handle,
    welcome: Welcome,
}

impl Peer {
    /// Starts the program and agrees on the version.
    pub(super) async fn start(
        engine: &str,
        program: &Path,
        limit: Duration,
        events: Contexts,
    ) -> Result<Arc<Self>> {
        let table = Arc::new(Table::new(engine, events));
        let (lines, queue) = mpsc::unbounded_channel();
        let (ready, is_ready) = oneshot::channel();
        let (of_thread, path) = (Arc::clone(&table), program.to_owned());
        std::thread::Builder::new()
            .name(format!("engine-{engine}"))
            .spawn(move || talk(&path, &of_thread, queue, ready))
            .map_err(|error| Error::io("start a thread for", program, error))?;
        let started = is_ready.await.map_err(|_| table.gone("its thread has ended"))?;
        let runtime = started.map_err(|error| Error::io("run", program, error))?;
        let mut peer = Self {
            lines,
            table,
            runtime,
            welcome: Welcome {
                version: VERSION,
                server: String::new(),
                engines: Vec::new(),
            },
        };
        let hello = Call::Hello(Hello {
            versions: vec![VERSION],
            client: format!("isolation {}", env!("CARGO_PKG_VERSION")),
            journal: JournalKeeper::Client,
        });
        let welcome = timeout(limit, peer.request::<Welcome>(hello)).await;
        let welcome = welcome.unwrap_or_else(|_| {
            let text = format!("its program does not answer within {} s", limit.as_secs_f64());
            Err(Error::new(ErrorKind::Timeout, text))
        })?;
        if welcome.version != VERSION {
            let text = format!(
                "its program speaks version {} of the protocol, and this one only {VERSION}; update the older \
                 one",
                welcome.version
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        peer.welcome = welcome;
        // A program without events rejects this.
        peer.send_once(Call::Events(Nothing {}), Box::new(drop))?;
        Ok(Arc::new(peer))
    }

    pub(super) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.table.has_ended()
    }

    /// Sends a request and awaits its result. Dropping the future cancels the request.
    pub(super) async fn request<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let (sender, end) = oneshot::channel();
        // The future may have been dropped.
        let pass_on = move |result| drop(sender.send(result));
        let id = self.send_once(call, Box::new(pass_on))?;
        let cancel = Cancel { peer: self, id };
        let end = end.await;
        std::mem::forget(cancel);
        let result = end.map_err(|_| self.table.gone("its program has ended"))??;
        read_result(id, result)
    }

    /// Sends a request, and calls `end` with its result.
    pub(super) fn send_once(&self, call: Call, end: Once) -> Result<u64> {
        self.begin(call, Pending::Once(end))
    }

    fn begin(&self, call: Call, pending: Pending) -> Result<u64> {
        let id = self.table.enter(pending)?;
        match line(&Request { id: Some(id), call }) {
            // If the program has ended, the thread that reads its messages ends the request, with
            // the reason. It is not known here yet.
            Ok(line) => _ = self.lines.send(line),
            Err(error) => {
                self.table.leave(id);
                return Err(error);
            }
        }
        Ok(id)
    }

    /// Sends a note.
    pub(super) fn note(&self, call: Call) -> Result<()> {
        line(&Request { id: None, call }).and_then(|line| self.put(line))
    }

    fn put(&self, line: Bytes) -> Result<()> {
        self.lines
            .send(line)
            .map_err(|_| self.table.gone("its program has ended"))
    }

    /// Sends a request with a stream.
    pub(super) fn stream(self: &Arc<Self>, call: Call) -> Result<Streaming> {
        let (items, received) = mpsc::unbounded_channel();
        let allowed = Arc::new(AtomicI64::new(WINDOW.into()));
        let queued = Arc::new(AtomicI64::new(0));
        let credit = Arc::new(Semaphore::new(WINDOW as usize));
        let stream = Stream {
            items,
            allowed: Arc::clone(&allowed),
            queued: Arc::clone(&queued),
            credit: Arc::clone(&credit),
        };
        let id = self.begin(call, Pending::Stream(stream))?;
        Ok(Streaming {
            peer: Arc::clone(self),
            id,
            items: received,
            allowed,
            queued,
            credit,
            used: 0,
        })
    }

    /// The runtime of the thread.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The error of what ended with the program.
    pub(super) fn ended_with(&self, what: &str) -> Error {
        self.table
            .gone(&format!("its program has ended, and {what} with it"))
    }

    fn cancel(&self, request: u64) {
        if self.table.leave(request) {
            // If the program has exited, the request has ended, too.
            let _ = self.note(Call::Cancel(OfRequest { request }));
        }
    }
}

/// Cancels a request whose future was dropped.
struct Cancel<'a> {
    peer: &'a Peer,
    id: u64,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        self.peer.cancel(self.id);
    }
}

/// A request with a stream; dropping it cancels the request.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) peer: Arc<Peer>,
    pub(super) id: u64,
    items: mpsc::UnboundedReceiver<Item>,
    allowed: Arc<AtomicI64>,
    queued: Arc<AtomicI64>,
    pub(super) credit: Arc<Semaphore>,
    /// The number of bytes that were read since the last request for more.
    used: i64,
}

impl Streaming {
    /// The next item; `End` after the last one. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Item {
        match self.items.recv().await {
            Some(item) => {
                self.queued.fetch_sub(1, Ordering::AcqRel);
                item
            }
            None => Item::End(Err(self.peer.table.gone("the stream has ended"))),
        }
    }

    /// Waits for the beginning of the stream.
    pub(super) async fn started(&mut self) -> Result<()> {
        let first = timeout(STARTING, self.next()).await;
        let first = first.map_err(|_| {
            let text = format!(
                "the program of the engine has not started it within {} s",
                STARTING.as_secs()
            );
            Error::new(ErrorKind::Timeout, text)
        })?;
        match first {
            Item::Started => Ok(()),
            Item::End(Err(error)) => Err(error),
            item => Err(unexpected(&item)),
        }
    }

    /// Counts read bytes, and requests more.
    pub(super) fn read(&mut self, bytes: i64) {
        self.used += bytes;
        if self.used < i64::from(WINDOW / 2) {
            return;
        }
        let used = std::mem::take(&mut self.used);
        self.allowed.fetch_add(used, Ordering::AcqRel);
        let more = crate::protocol::params::More {
            request: self.id,
            bytes: u32::try_from(used).unwrap_or(u32::MAX),
        };
        // If the program has exited, the stream has ended, too.
        let _ = self.peer.note(Call::More(more));
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.credit.close();
        self.peer.cancel(self.id);
    }
}

type Ready = oneshot::Sender<io::Result<Handle>>;

/// Runs the program and communicates with it until one of the two ends.
fn talk(program: &PathBuf, table: &Table, queue: mpsc::UnboundedReceiver<Bytes>, ready: Ready) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async {
        let (mut child, pipes) = match spawn(program) {
            Ok(started) => started,
            // The caller may have been dropped.
            Err(error) => return drop(ready.send(Err(error))),
        };
        let super::program::Pipes {
            stdin,
            stdout,
            stderr,
        } = pipes;
        let _ = ready.send(Ok(Handle::current()));
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(listen(stderr, Arc::clone(&last_words)));
        let why = read(table, stdout, tokio::spawn(write(stdin, queue))).await;
        let mut why = match why {
            Some(why) => why,
            None => match timeout(ENDING, ended(&child)).await {
                Ok(how) => format!("its program has ended: {how}"),
                Err(_) => "its program has closed its output".to_owned(),
            },
        };
        // Its last messages have already arrived.
        let _ = timeout(Duration::from_millis(100), listening).await;
        let words = last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(words) = String::from_utf8_lossy(&words).lines().next_back() {
            why = format!("{why}; it printed: {words}");
        }
        table.end(&why);
        end(&mut child).await;
    });
}

/// Writes lines until the last sender is dropped, then ends the input of the program.
async fn write(mut stdin: ChildStdin, mut queue: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(line) = queue.recv().await {
        if stdin.write_all(&line).await.is_err() {
            // The reader reports why it has ended.
            return;
        }
    }
}

/// Reads answers. Returns why the connection to the program ends; `None` if it has closed its
/// output.
async fn read(table: &Table, stdout: ChildStdout, writing: tokio::task::JoinHandle<()>) -> Option<String> {
    let mut lines = Lines::new(stdout);
    let abort = writing.abort_handle();
    let nobody_sends = async {
        // The writer also ends if the program stops reading; then its output ends soon, too.
        let _ = writing.await;
        sleep(ENDING).await;
    };
    tokio::pin!(nobody_sends);
    let why = loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = &mut nobody_sends => break Some("its program does not end".to_owned()),
        };
        let handled = match line {
            Ok(None) => break None,
            Ok(Some(line)) => match serde_json::from_slice::<Answer>(&line) {
                Ok(answer) => table.answer(answer),
                Err(error) => Err(format!(
                    "it sent an invalid message: {}",
                    faults::of_answer(&line, &error)
                )),
            },
            Err(error @ (LineError::TooLong | LineError::Incomplete(_))) => {
                Err(format!("its output: {error}"))
            }
            Err(LineError::Read(error)) => Err(format!("its output cannot be read: {error}")),
        };
        if let Err(why) = handled {
            break Some(why);
        }
    };
    abort.abort();
    why
}
