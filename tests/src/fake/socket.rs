//! A fake engine on a real socket.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use engine_api::Docker;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;

use super::{Fake, ready};

/// A fake engine that listens on a real socket, in a thread and runtime of its own, so that it is
/// there whatever becomes of the client's runtime. Dropping it closes the socket and all connections.
#[derive(Debug)]
pub struct Socket {
    place: Place,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// A listening socket before its runtime runs.
enum Bound {
    Unix(std::os::unix::net::UnixListener),
    Tcp(std::net::TcpListener),
}

impl Socket {
    /// `fake` on a Unix socket at `path`, which an earlier one may have used.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn unix(fake: &Fake, path: &Path) -> io::Result<Self> {
        let _missing = std::fs::remove_file(path);
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Self::start(fake, Bound::Unix(listener), Place::Unix(path.to_owned()))
    }

    pub(super) fn tcp(fake: &Fake) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let place = Place::Tcp(listener.local_addr()?);
        Self::start(fake, Bound::Tcp(listener), place)
    }

    /// A client that connects to this socket; see [`Fake::client`].
    pub fn client(&self) -> Docker {
        match &self.place {
            Place::Unix(path) => ready(Docker::unix(path)),
            Place::Tcp(address) => ready(Docker::tcp(&address.ip().to_string(), address.port())),
        }
    }

    /// Ends this engine and starts `fake` at the same place.
    ///
    /// # Errors
    ///
    /// When this is not a Unix socket, or it cannot be made anew.
    pub fn restart(self, fake: &Fake) -> io::Result<Self> {
        let Place::Unix(path) = &self.place else {
            return Err(io::Error::other("only Unix sockets are restarted"));
        };
        let path = path.clone();
        drop(self);
        Self::unix(fake, &path)
    }

    fn start(fake: &Fake, bound: Bound, place: Place) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let fake = fake.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = accept(&fake, bound) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            place,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

async fn accept(fake: &Fake, bound: Bound) -> io::Result<()> {
    match bound {
        Bound::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                fake.serve(Box::new(listener.accept().await?.0));
            }
        }
        Bound::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                fake.serve(Box::new(listener.accept().await?.0));
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
        if let Place::Unix(path) = &self.place {
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// A path that no other test of this or another process uses.
pub(super) fn fresh_path() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("fake-engine-{}-{number}.sock", std::process::id()))
}
