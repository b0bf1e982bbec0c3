//! The two outputs of a command, and the time for which they are read after its exit.

use std::future::pending;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep_until};

use crate::command::execution::Chunk;

/// The time for which the output of background processes is read after the command has exited.
const GRACE: Duration = Duration::from_millis(500);

/// The number of bytes that are still read after the grace period: the command's own output is in
/// the pipe, and no pipe has a larger capacity.
const PIPE: usize = 1 << 20;

/// The size of one read.
const CHUNK: usize = 64 << 10;

/// Standard output and standard error of a command.
pub(crate) struct Outputs<O, E> {
    stdout: Pipe<O>,
    stderr: Pipe<E>,
    /// The end of the grace period; `None` while the command runs.
    grace: Option<Instant>,
    complete: bool,
}

impl<O: AsyncRead + Unpin, E: AsyncRead + Unpin> Outputs<O, E> {
    pub(crate) fn new(stdout: Option<O>, stderr: Option<E>) -> Self {
        Self {
            stdout: Pipe::new(stdout),
            stderr: Pipe::new(stderr),
            grace: None,
            complete: true,
        }
    }

    /// Whether there may be more output.
    pub(crate) fn are_open(&self) -> bool {
        self.stdout.reader.is_some() || self.stderr.reader.is_some()
    }

    /// Whether the output is complete.
    pub(crate) fn are_complete(&self) -> bool {
        self.complete
    }

    /// Begins the grace period.
    pub(crate) fn command_ended(&mut self) {
        self.grace = Some(Instant::now() + GRACE);
    }

    /// The next piece of either output; `None` if an output has ended or is no longer read.
    /// Dropping the future loses nothing.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Chunk>> {
        let grace = self.grace;
        // `biased` keeps this order: the grace period does not end while there is output.
        tokio::select! {
            biased;
            piece = either(&mut self.stdout, &mut self.stderr) => {
                let piece = piece?;
                Ok(piece.map(|chunk| self.counted(chunk)))
            }
            () = over(grace) => {
                self.give_up();
                Ok(None)
            }
        }
    }

    fn counted(&mut self, chunk: Chunk) -> Chunk {
        let goes_on = match &chunk {
            Chunk::Stdout(bytes) => self.stdout.may_go_on(bytes.len(), self.grace),
            Chunk::Stderr(bytes) => self.stderr.may_go_on(bytes.len(), self.grace),
        };
        if !goes_on {
            self.give_up();
        }
        chunk
    }

    fn give_up(&mut self) {
        self.complete = false;
        self.stdout.reader = None;
        self.stderr.reader = None;
    }
}

/// Standard output or standard error.
struct Pipe<R> {
    reader: Option<R>,
    buffer: BytesMut,
    /// The number of bytes after the grace period.
    late: usize,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: Option<R>) -> Self {
        let buffer = BytesMut::new();
        Self {
            reader,
            buffer,
            late: 0,
        }
    }

    /// Reads a piece. At the end of the output, closes the pipe and returns `None`. A closed pipe
    /// is never ready.
    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let Some(reader) = &mut self.reader else {
            return pending().await;
        };
        // The pieces share one allocation until it is full, so that small pieces do not keep 64 KiB
        // each.
        if self.buffer.capacity() < CHUNK / 16 {
            self.buffer.reserve(CHUNK);
        }
        if reader.read_buf(&mut self.buffer).await? == 0 {
            self.reader = None;
            return Ok(None);
        }
        Ok(Some(self.buffer.split().freeze()))
    }

    /// Counts bytes after the grace period. `false` if there are more bytes than the command can
    /// have written: then a background process prints, perhaps forever.
    fn may_go_on(&mut self, bytes: usize, grace: Option<Instant>) -> bool {
        if grace.is_some_and(|at| at <= Instant::now()) {
            self.late += bytes;
        }
        self.late < PIPE
    }
}

/// A piece of either output, whichever is ready first.
async fn either<O, E>(stdout: &mut Pipe<O>, stderr: &mut Pipe<E>) -> io::Result<Option<Chunk>>
where
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    tokio::select! {
        piece = stdout.read() => Ok(piece?.map(Chunk::Stdout)),
        piece = stderr.read() => Ok(piece?.map(Chunk::Stderr)),
    }
}

async fn over(grace: Option<Instant>) {
    match grace {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn endless_output_is_cut_only_after_the_grace() {
        let mut pipe = Pipe::new(Some(tokio::io::repeat(b'y')));
        let mut taken = 0;
        while taken < 2 * PIPE {
            let bytes = pipe.read().await.unwrap().unwrap().len();
            taken += bytes;
            assert!(
                pipe.may_go_on(bytes, None),
                "the command's own output is not limited"
            );
        }
        let over = Some(Instant::now());
        let mut late = 0;
        loop {
            let bytes = pipe.read().await.unwrap().unwrap().len();
            late += bytes;
            if !pipe.may_go_on(bytes, over) {
                break;
            }
        }
        assert!((PIPE..PIPE + CHUNK).contains(&late), "{late}");
    }
}
