//! An engine that does byte for byte what a test tells it, also what no decent engine would.
//!
//! A test hands in a *script*, an async function that is called with the [`Peer`] of each connection:
//! it reads requests and writes bytes. The engine is reached in memory ([`Fake`] is a
//! [`Connector`]), which works with Tokio's paused clock, or through a
//! real socket ([`Socket`]). [`Faulty`] cuts, stalls or breaks up what comes from it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use tests::fake::{Fake, reply};
//!
//! let fake = Fake::new(|mut peer| async move {
//!     while peer.request().await?.is_some() {
//!         peer.write(reply(200, &["Api-Version: 1.51"], "OK")).await?;
//!     }
//!     Ok(())
//! });
//! assert_eq!(fake.docker().version().await.unwrap().to_string(), "1.51");
//! assert_eq!(fake.requests(), ["HEAD /_ping"]);
//! # });
//! ```

mod messages;
mod peer;
mod request;
mod seen;
mod socket;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine_api::connect::{BoxStream, Connecting, Connector};
use engine_api::{Docker, Timeouts, Version};
use engine_fixtures::faults::{Fault, Faulty};

pub use messages::{JSON, MULTIPLEXED, RAW, chunk, chunked, frame, ok, open, reply, upgraded};
pub use peer::Peer;
pub use request::Request;
pub use seen::Counts;
pub use socket::Socket;

use seen::Seen;

type Scripted = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// A scripted engine. Clones are the same engine.
///
/// As a connector it hands out streams in memory and runs the script in the runtime of the client.
#[derive(Clone)]
pub struct Fake {
    script: Arc<dyn Fn(Peer) -> Scripted + Send + Sync>,
    seen: Arc<Seen>,
}

/// How much a stream in memory holds before the writer has to wait: as little as a socket's buffer.
const ROOM: usize = 64 * 1024;

impl Fake {
    /// An engine that runs `script` for each connection; the connection closes when it returns. Its
    /// error is ignored: it means that the client went away.
    pub fn new<S, F>(script: S) -> Self
    where
        S: Fn(Peer) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self {
            script: Arc::new(move |peer| Box::pin(script(peer))),
            seen: Arc::default(),
        }
    }

    /// An engine that answers each request with what `answer` makes of it, on connections that stay.
    /// Of an answer to a `HEAD` only the head is sent.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::new(move |mut peer| {
            let answer = Arc::clone(&answer);
            async move {
                while let Some(request) = peer.request().await? {
                    let mut bytes = answer(&request);
                    if request.method == "HEAD" {
                        bytes.truncate(messages::head_length(&bytes));
                    }
                    peer.write(bytes).await?;
                }
                Ok(())
            }
        })
    }

    /// An engine that reads a request, writes `bytes`, and then waits for the client to go.
    pub fn once(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut peer| {
            let bytes = bytes.clone();
            async move {
                peer.request().await?;
                peer.write(bytes).await?;
                peer.until_gone().await
            }
        })
    }

    /// As [`Fake::once`], but hangs up after the last byte.
    pub fn cut(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut peer| {
            let bytes = bytes.clone();
            async move {
                peer.request().await?;
                peer.write(bytes).await
            }
        })
    }

    /// A client of this engine, in memory, which asks for the version first.
    pub fn docker(&self) -> Docker {
        Docker::with_connector(self.clone())
    }

    /// A client of this engine that knows the version (1.51), and never waits for ever.
    pub fn client(&self) -> Docker {
        ready(self.docker())
    }

    /// A client whose streams from this engine are mutated; otherwise as [`Fake::client`].
    pub fn mutated(&self, mutation: Fault) -> Docker {
        ready(Docker::with_connector(Faulty::new(self.clone(), mutation)))
    }

    /// This engine on a Unix socket at a fresh path.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn on_unix(&self) -> io::Result<Socket> {
        Socket::unix(self, &socket::fresh_path())
    }

    /// This engine on a free TCP port of this machine.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn on_tcp(&self) -> io::Result<Socket> {
        Socket::tcp(self)
    }

    /// What has been asked so far, as `METHOD /target`, in the order of arrival.
    pub fn requests(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", request.method, request.target);
        self.seen.requests().iter().map(line).collect()
    }

    /// All requests so far in full, in the order of arrival; bodies once they have been read.
    pub fn asked(&self) -> Vec<Request> {
        self.seen.requests()
    }

    /// How many requests of a method have come.
    pub fn count(&self, method: &str) -> usize {
        let requests = self.seen.requests();
        requests.iter().filter(|request| request.method == method).count()
    }

    /// How many connections there were, and are.
    pub fn counts(&self) -> Counts {
        self.seen.counts()
    }

    /// Waits until the counts satisfy `wanted`.
    ///
    /// # Panics
    ///
    /// When they do not for a minute, which the paused clock lets pass at once.
    pub async fn until(&self, wanted: impl FnMut(&Counts) -> bool) {
        let waiting = tokio::time::timeout(Duration::from_secs(60), self.seen.until(wanted));
        assert!(waiting.await.is_ok(), "waited in vain: {:?}", self.counts());
    }

    /// Starts the script on a new connection.
    fn serve(&self, stream: BoxStream) {
        let peer = Peer::new(stream, Arc::clone(&self.seen));
        tokio::spawn((self.script)(peer));
    }
}

/// Sets the version, and limits that end a failing test: with the paused clock they run out at once when
/// nothing else can happen, and otherwise soon enough.
pub(crate) fn ready(docker: Docker) -> Docker {
    let limits = Timeouts {
        total: Some(Duration::from_secs(45)),
        ..Timeouts::default()
    };
    docker.with_version(Version::new(1, 51)).with_timeouts(limits)
}

impl Connector for Fake {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let (ours, theirs) = tokio::io::duplex(ROOM);
            self.serve(Box::new(theirs));
            Ok(Box::new(ours) as BoxStream)
        })
    }

    fn address(&self) -> String {
        "test://fake".into()
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
