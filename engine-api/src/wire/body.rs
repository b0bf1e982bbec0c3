//! Request bodies.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

/// Data to upload: an archive, a build context.
///
/// It is created from bytes in memory, or from a stream of pieces, which is never completely in
/// memory.
#[derive(Debug)]
pub struct Upload(pub(crate) Body);

impl Upload {
    /// Sends the pieces as they arrive; an error in the stream ends the upload with that error.
    pub fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Body::Upload(Box::pin(pieces)))
    }

    /// Sends the data of a reader: an open file, standard input.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(Reading {
            reader: Box::pin(reader),
            buffer: BytesMut::new(),
        })
    }

    /// Reads the next piece, which is then not sent; `None` at the end. With this method, a program
    /// can hash or store an archive.
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        match &mut self.0 {
            Body::Empty => None,
            Body::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Body::Empty;
                (!bytes.is_empty()).then_some(Ok(bytes))
            }
            Body::Upload(pieces) => std::future::poll_fn(|cx| pieces.as_mut().poll_next(cx)).await,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Upload {
    fn from(bytes: T) -> Self {
        Self(Body::Full(bytes.into()))
    }
}

/// The size of the pieces of a reader, in bytes.
const PIECE: usize = 64 * 1024;

/// The pieces of a reader.
struct Reading {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    buffer: BytesMut,
}

impl Stream for Reading {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.buffer.resize(PIECE, 0);
        let mut piece = ReadBuf::new(&mut this.buffer);
        let read = ready!(this.reader.as_mut().poll_read(cx, &mut piece));
        let length = piece.filled().len();
        Poll::Ready(match read {
            Err(error) => Some(Err(error)),
            Ok(()) if length == 0 => None,
            Ok(()) => Some(Ok(this.buffer.split_to(length).freeze())),
        })
    }
}

/// Marks an error as that of the data to upload, not of the connection.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UploadFailed(pub(crate) io::Error);

/// The pieces of an upload.
type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A request's body. `Empty` and `Full` have an exact length, so they are never sent in chunks,
/// which `POST /containers/{id}/start` rejects.
pub(crate) enum Body {
    Empty,
    Full(Bytes),
    Upload(Pieces),
}

/// Pieces that are counted as they are read.
struct Counted {
    pieces: Pieces,
    bytes: Arc<AtomicU64>,
}

impl Stream for Counted {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.pieces.as_mut().poll_next(cx));
        if let Some(Ok(piece)) = &piece {
            self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(piece)
    }
}

impl Body {
    /// The same body, with a counter of its bytes.
    pub(crate) fn counted(self, bytes: Arc<AtomicU64>) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Full(all) => {
                bytes.store(all.len() as u64, Ordering::Relaxed);
                Self::Full(all)
            }
            Self::Upload(pieces) => Self::Upload(Box::pin(Counted { pieces, bytes })),
        }
    }

    /// A copy for a retry; `None` for an upload, which can be read only once.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Full(bytes) => Some(Self::Full(bytes.clone())),
            Self::Upload(_) => None,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Upload(_) => f.write_str("Upload"),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = UploadFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadFailed>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Upload(upload) => upload
                .as_mut()
                .poll_next(cx)
                .map_ok(Frame::data)
                .map_err(UploadFailed),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Upload(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reader_is_sent_in_pieces() {
        let content = vec![7; PIECE + 1];
        let mut upload = Upload::reader(io::Cursor::new(content.clone()));
        let mut sent = Vec::new();
        while let Some(piece) = upload.next().await {
            let piece = piece.unwrap();
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            sent.extend_from_slice(&piece);
        }
        assert_eq!(sent, content);
        let mut bytes = Upload::from("text");
        assert_eq!(bytes.next().await.unwrap().unwrap(), "text");
        assert!(bytes.next().await.is_none());
    }

    #[test]
    fn body_without_data_is_empty_for_hyper() {
        use hyper::body::Body as _;
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut body = Body::Full(Bytes::from_static(b"text"));
        assert_eq!(body.size_hint().exact(), Some(4));
        let frame = Pin::new(&mut body).poll_frame(&mut cx);
        assert!(matches!(frame, Poll::Ready(Some(Ok(frame))) if frame.data_ref().unwrap() == "text"));
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(matches!(
            Pin::new(&mut body).poll_frame(&mut cx),
            Poll::Ready(None)
        ));
    }

    #[test]
    fn only_bytes_in_memory_are_sent_again() {
        assert!(matches!(Body::Empty.again(), Some(Body::Empty)));
        assert!(matches!(Body::Full("x".into()).again(), Some(Body::Full(bytes)) if bytes == "x"));
        assert!(Upload::reader(tokio::io::empty()).0.again().is_none());
    }
}
