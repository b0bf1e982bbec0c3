//! The terminal of a command: a pseudo terminal of the environment, opened from outside.
//!
//! It belongs to the terminals of the environment, so that programs find its name in `/dev/pts`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::open_root::OpenRoot;
use crate::command::terminal::TerminalSize;
use crate::files::dir::Owner;

/// The end of input on a terminal: Ctrl-D, once on an empty line, twice after other text.
const END_OF_TRANSMISSION: &[u8] = &[4, 4];

/// The outer end of a terminal.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    outer: Arc<AsyncFd<File>>,
    /// The path of the other end, inside.
    path: String,
}

impl Terminal {
    /// Opens a terminal of this size in an environment with this root, and gives it to an owner.
    pub(super) fn open(root: &OpenRoot, owner: Option<Owner>, size: TerminalSize) -> io::Result<Self> {
        let root = root.path();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let outer: OwnedFd = rustix::fs::open(root.join("dev/pts/ptmx"), flags, Mode::empty())?;
        rustix::pty::unlockpt(&outer)?;
        let path = rustix::pty::ptsname(&outer, Vec::new())?;
        let path = path.into_string().map_err(io::Error::other)?;
        if let Some(owner) = owner {
            let inner: PathBuf = root.join(path.trim_start_matches('/'));
            rustix::fs::chownat(CWD, &inner, owner.uid(), owner.gid(), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        // Newer versions have an unsafe function in its place. A file has its descriptor to the
        // end.
        #[allow(deprecated)]
        let outer = AsyncFd::new(File::from(outer))?;
        let terminal = Self {
            outer: Arc::new(outer),
            path,
        };
        terminal.resize(size)?;
        Ok(terminal)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(self.outer.get_ref(), size)?)
    }

    /// The output of programs on it.
    pub(super) fn output(&self) -> TerminalOutput {
        TerminalOutput(Arc::clone(&self.outer))
    }

    /// Its keys.
    pub(super) fn input(&self) -> TerminalInput {
        TerminalInput {
            outer: Arc::clone(&self.outer),
            farewell: END_OF_TRANSMISSION,
        }
    }
}

/// The output of programs on a terminal.
#[derive(Debug)]
pub(super) struct TerminalOutput(Arc<AsyncFd<File>>);

impl AsyncRead for TerminalOutput {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(cx))?;
            let buffer = into.initialize_unfilled();
            match guard.try_io(|file| Ok(rustix::io::read(file.get_ref(), &mut *buffer)?)) {
                Ok(Ok(read)) => {
                    into.advance(read);
                    return Poll::Ready(Ok(()));
                }
                // So Linux reports that the last program has closed the terminal.
                Ok(Err(error)) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

/// The keys of a terminal. Shutting it down sends the end of input, and so does dropping it, as far
/// as possible without waiting.
#[derive(Debug)]
pub(super) struct TerminalInput {
    outer: Arc<AsyncFd<File>>,
    farewell: &'static [u8],
}

impl AsyncWrite for TerminalInput {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.outer.poll_write_ready(cx))?;
            match guard.try_io(|file| Ok(rustix::io::write(file.get_ref(), bytes)?)) {
                Ok(written) => return Poll::Ready(written),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.farewell.is_empty() {
            let left = self.farewell;
            let count = ready!(self.as_mut().poll_write(cx, left))?;
            self.farewell = &left[count..];
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for TerminalInput {
    fn drop(&mut self) {
        // It never waits: the descriptor is non-blocking. The command may have ended.
        let _ = rustix::io::write(self.outer.get_ref(), self.farewell);
    }
}
