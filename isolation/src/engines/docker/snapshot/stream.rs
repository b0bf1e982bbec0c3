//! Archives between the daemon and threads that block.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use engine_api::RawBytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;

/// How many pieces wait between the two sides, so that neither waits for the other at each piece.
const PIECES: usize = 32;

/// The size of a piece that is sent to the daemon.
const PIECE: usize = 256 << 10;

type Piece = io::Result<Bytes>;

/// The source of a thread, which may block.
pub(super) struct BlockingReader {
    pieces: mpsc::Receiver<Piece>,
    rest: Bytes,
}

/// Reads an archive of the daemon for a thread that may block. The task ends with the reader.
pub(super) fn for_thread(mut archive: RawBytes) -> BlockingReader {
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        while let Some(piece) = archive.next().await {
            let piece = piece.map_err(|error| io::Error::other(error.to_string()));
            let failed = piece.is_err();
            if sender.send(piece).await.is_err() || failed {
                break;
            }
        }
    });
    BlockingReader {
        pieces,
        rest: Bytes::new(),
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// The target of a thread, which may block.
pub(super) struct BlockingWriter {
    pieces: mpsc::Sender<Piece>,
    buffer: BytesMut,
}

/// The stream that the daemon reads.
pub(super) struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    rest: Bytes,
}

/// A pipe from a thread that may block to the daemon. If the writer is dropped without
/// [`end`](BlockingWriter::end), the reader gets an error.
pub(super) fn from_thread() -> (BlockingWriter, Pieces) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let writer = BlockingWriter {
        pieces: sender,
        buffer: BytesMut::with_capacity(PIECE),
    };
    let rest = Bytes::new();
    (writer, Pieces { pieces, rest })
}

impl BlockingWriter {
    fn send(&mut self, piece: Piece) -> io::Result<()> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the daemon ended the upload");
        self.pieces.blocking_send(piece).map_err(gone)
    }

    /// Sends what is left.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// Lets the upload fail.
    pub(super) fn fail(mut self, why: &str) {
        // The daemon may have ended it already.
        let _ = self.send(Err(io::Error::other(why.to_owned())));
    }
}

impl Write for BlockingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.send(Ok(piece))
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(piece) => self.rest = piece?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = buffer.remaining().min(self.rest.len());
        let piece = self.rest.split_to(length);
        buffer.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

/// An archive of the daemon that another request sends.
pub(super) fn for_upload(mut archive: RawBytes) -> Pieces {
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::spawn(async move {
        while let Some(piece) = archive.next().await {
            let piece = piece.map_err(|error| io::Error::other(error.to_string()));
            if sender.send(piece).await.is_err() {
                break;
            }
        }
    });
    let rest = Bytes::new();
    Pieces { pieces, rest }
}

#[cfg(test)]
mod tests {
    use engine_api::Docker;
    use engine_api::connect::{BoxStream, Connecting, Connector};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A daemon that announces nine bytes, sends four, and ends.
    #[derive(Debug)]
    struct Cut;

    impl Connector for Cut {
        fn connect(&self) -> Connecting<'_> {
            Box::pin(async {
                let (ours, mut theirs) = tokio::io::duplex(1 << 10);
                tokio::spawn(async move {
                    theirs.read_u8().await?;
                    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart";
                    theirs.write_all(reply).await
                });
                Ok(Box::new(ours) as BoxStream)
            })
        }

        fn address(&self) -> String {
            "test://cut".to_owned()
        }
    }

    #[tokio::test]
    async fn reader_of_a_cut_archive_gets_an_error() {
        let docker = Docker::with_connector(Cut).with_version(engine_api::Version::OLDEST);
        let body = docker.raw("GET", "/archive").send().await.unwrap().body;
        let mut reader = for_thread(body);
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            let read = reader.read_to_end(&mut all);
            (all, read)
        });
        let (all, read) = reading.await.unwrap();
        assert_eq!(all, b"part");
        assert!(!read.unwrap_err().to_string().is_empty());
    }

    #[tokio::test]
    async fn failed_writer_fails_the_upload() {
        let (mut writer, mut pieces) = from_thread();
        let writing = tokio::task::spawn_blocking(move || {
            writer.write_all(b"part").unwrap();
            writer.flush().unwrap();
            writer.fail("the store is damaged");
        });
        let mut all = Vec::new();
        let error = pieces.read_to_end(&mut all).await.unwrap_err();
        writing.await.unwrap();
        assert_eq!(all, b"part");
        assert_eq!(error.to_string(), "the store is damaged");
    }
}
