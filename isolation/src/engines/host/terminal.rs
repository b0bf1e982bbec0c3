//! The terminal of a command on this machine: a pseudo terminal.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pty_process::{OwnedReadPty, OwnedWritePty, Pts};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, Command};

use crate::command::terminal::TerminalSize;

/// The end of input on a terminal: Ctrl-D, once on an empty line, twice after other text.
const END_OF_TRANSMISSION: &[u8] = &[4, 4];

/// The controlling end of a terminal.
pub(super) struct Terminal {
    pub(super) output: TerminalOutput,
    pub(super) input: TerminalInput,
    pub(super) size: TerminalHandle,
}

/// Opens a terminal of this size; the other end is for the command.
pub(super) fn open(size: TerminalSize) -> io::Result<(Terminal, Pts)> {
    let (outer, inner) = pty_process::open().map_err(to_io)?;
    let handle = TerminalHandle(outer.as_fd().try_clone_to_owned()?);
    handle.resize(size)?;
    let (read, write) = outer.into_split();
    let terminal = Terminal {
        output: TerminalOutput(read),
        input: TerminalInput {
            descriptor: handle.0.try_clone()?,
            terminal: write,
            farewell: END_OF_TRANSMISSION,
        },
        size: handle,
    };
    Ok((terminal, inner))
}

/// Starts a command as the leader of a session of its own, whose terminal this is.
pub(super) fn spawn(command: Command, inner: Pts) -> io::Result<Child> {
    pty_process::Command::from(command).spawn(inner).map_err(to_io)
}

fn to_io(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
        other => io::Error::other(other.to_string()),
    }
}

/// Changes the size of a terminal.
pub(super) struct TerminalHandle(OwnedFd);

impl TerminalHandle {
    pub(super) fn resize(&self, size: TerminalSize) -> io::Result<()> {
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.0, size)?)
    }
}

/// The output of programs on the terminal.
pub(super) struct TerminalOutput(OwnedReadPty);

impl AsyncRead for TerminalOutput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ended = Some(rustix::io::Errno::IO.raw_os_error());
        match ready!(Pin::new(&mut self.0).poll_read(cx, into)) {
            // Linux reports with this error that the last program has closed the terminal.
            Err(error) if error.raw_os_error() == ended => Poll::Ready(Ok(())),
            read => Poll::Ready(read),
        }
    }
}

/// The keys of the terminal. Shutting it down sends the end of input, and so does dropping it, as
/// far as possible without waiting.
pub(super) struct TerminalInput {
    descriptor: OwnedFd,
    terminal: OwnedWritePty,
    farewell: &'static [u8],
}

impl AsyncWrite for TerminalInput {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.terminal).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.terminal).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.farewell.is_empty() {
            let left = self.farewell;
            let count = ready!(Pin::new(&mut self.terminal).poll_write(cx, left))?;
            self.farewell = &left[count..];
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for TerminalInput {
    fn drop(&mut self) {
        // It never waits: the descriptor is non-blocking. The command may have ended.
        let _ = rustix::io::write(&self.descriptor, self.farewell);
    }
}
