//! One HTTP/1.1 connection, driven by the task that waits for it.
//!
//! hyper requires that its connection is polled at the same time as the request. The task that
//! awaits a reply or reads a body polls both, instead of a separate task. This saves a switch
//! between tasks for every chunk, and dropping the future or stream also drops the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::{Body, UploadFailed};
use super::timer::Clock;
use crate::connect::{BoxStream, Connector};
use crate::error::{Cause, TlsError};

/// An open connection that can send a request.
pub(crate) struct Conn {
    sender: SendRequest<Body>,
    /// `None` after it has ended.
    driver: Option<Connection<TokioIo<CountingStream>, Body>>,
    received: Arc<Received>,
    /// Whether it was used before, so that the engine may be closing it at this moment.
    pub(crate) reused: bool,
    /// The clock of the last timeout of the head, for the next timeout.
    pub(crate) clock: Clock,
    reset_means_unread: bool,
}

/// The maximum number of bytes of interim replies (`103 Early Hints`) before a reply: hyper skips
/// them without a limit.
const LONGEST_INTERIM: u64 = 1 << 20;

/// A request without a reply.
pub(crate) struct ExchangeError {
    /// Whether the engine cannot have acted on the request, so that it may be sent again.
    pub(crate) unsent: bool,
    /// Whether any byte of a reply arrived.
    pub(crate) answered: bool,
    /// The request, if hyper never started to send it.
    pub(crate) request: Option<Request<Body>>,
    pub(crate) cause: Cause,
}

impl ExchangeError {
    fn endless() -> Self {
        Self {
            unsent: false,
            answered: true,
            request: None,
            cause: Cause::Protocol("the engine sends interim replies (1xx) without end".into()),
        }
    }
}

impl Conn {
    /// Opens a stream and prepares it for HTTP; nothing is sent yet.
    ///
    /// Boxed, because a connection is large, and each call moves it from the pool to a reply and
    /// back.
    pub(crate) async fn open(connector: &dyn Connector) -> Result<Box<Self>, Cause> {
        let stream = connector
            .connect()
            .await
            .map_err(|error| match TlsError::within(&error) {
                Some(tls) => Cause::TlsError(tls.clone()),
                None => Cause::Unreachable {
                    address: connector.address(),
                    source: error,
                },
            })?;
        let received = Arc::<Received>::default();
        let counted = CountingStream {
            stream,
            received: Arc::clone(&received),
            broken: None,
        };
        let (sender, driver) = Builder::new()
            .handshake(TokioIo::new(counted))
            .await
            .map_err(http_cause)?;
        let reset_means_unread = connector.reset_means_unread();
        Ok(Box::new(Self {
            sender,
            driver: Some(driver),
            received,
            reused: false,
            clock: None,
            reset_means_unread,
        }))
    }

    /// Sends a request and awaits the head of its reply.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Box<ExchangeError>> {
        let before = self.received.bytes();
        let mut reply = std::pin::pin!(self.sender.try_send_request(request));
        let (driver, received) = (&mut self.driver, &self.received);
        let outcome = std::future::poll_fn(|cx| {
            let ended = poll_driver(driver, cx).is_ready();
            match reply.as_mut().poll(cx) {
                // The engine closed the connection before hyper took the request out of its queue.
                // Dropping the driver drops the queue, which returns the request.
                Poll::Pending if ended => {
                    *driver = None;
                    reply.as_mut().poll(cx).map(Some)
                }
                Poll::Pending if received.bytes() - before > LONGEST_INTERIM => Poll::Ready(None),
                outcome => outcome.map(Some),
            }
        })
        .await;
        let mut error = match outcome {
            Some(Ok(response)) => return Ok(response),
            Some(Err(error)) => error,
            None => return Err(Box::new(ExchangeError::endless())),
        };
        let answered = self.received.bytes() != before;
        let request = error.take_message();
        let unread = !answered && self.reset_means_unread && is_reset(error.error());
        Err(Box::new(ExchangeError {
            unsent: request.is_some() || unread,
            answered,
            request,
            cause: match self.received.begins_with_alert.load(Ordering::Relaxed) {
                true => Cause::TlsError(TlsError::expected()),
                false => http_cause(error.into_error()),
            },
        }))
    }

    /// Reads the next piece of a reply's body; `None` at its end.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Cause>>> {
        loop {
            // The body reports the end of the connection first.
            let ended = poll_driver(&mut self.driver, cx).is_ready();
            let frame = match hyper::body::Body::poll_frame(Pin::new(body), cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if ended => {
                    let cause = Cause::Disconnected("the connection ended inside the reply".into());
                    return Poll::Ready(Some(Err(cause)));
                }
                Poll::Pending => return Poll::Pending,
            };
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(http_cause(error)))),
                // Trailers are not used.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Some(Ok(data))),
                    Err(_trailers) => {}
                },
            }
        }
    }

    /// After the end of a body: whether the connection can send another request.
    pub(crate) fn is_reusable(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let ended = poll_driver(&mut self.driver, &mut cx).is_ready();
        self.reused = true;
        !ended && self.sender.is_ready()
    }

    /// After a `101`: the raw stream, and the bytes that arrived together with the head.
    pub(crate) async fn into_stream(mut self) -> Result<(BoxStream, Bytes), Cause> {
        std::future::poll_fn(|cx| poll_driver(&mut self.driver, cx))
            .await
            .map_err(http_cause)?;
        let gone = || Cause::Disconnected("the connection ended while it was hijacked".into());
        let parts = self.driver.ok_or_else(gone)?.into_parts();
        Ok((parts.io.into_inner().stream, parts.read_buf))
    }
}

/// Polls the connection; ready when it has ended, or was hijacked.
fn poll_driver(
    driver: &mut Option<Connection<TokioIo<CountingStream>, Body>>,
    cx: &mut Context<'_>,
) -> Poll<hyper::Result<()>> {
    match driver {
        Some(driver) => driver.poll_without_shutdown(cx),
        None => Poll::Ready(Ok(())),
    }
}

/// The cause of a failure that hyper reports.
fn http_cause(error: hyper::Error) -> Cause {
    if let Some(error) = source::<UploadFailed>(&error) {
        return Cause::UploadSource(io::Error::new(error.0.kind(), error.0.to_string()));
    }
    if error.is_parse() {
        return Cause::Protocol(format!("the reply is not valid HTTP/1.1: {error}"));
    }
    // This is checked first: an engine may reject a certificate before the request is sent.
    let tls = source::<io::Error>(&error).and_then(TlsError::within);
    if let Some(tls) = tls.cloned() {
        return Cause::TlsError(tls);
    }
    if error.is_canceled() || error.is_closed() {
        return Cause::Disconnected("the engine closed the connection before the request was sent".into());
    }
    if error.is_incomplete_message() {
        return Cause::Disconnected("the engine closed the connection before the reply was complete".into());
    }
    Cause::Http(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    source::<io::Error>(error).is_some_and(is_hang_up)
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

fn source<'a, T: std::error::Error + 'static>(error: &'a hyper::Error) -> Option<&'a T> {
    let mut next: Option<&'a (dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The stream below hyper. It counts received bytes, which shows whether any byte of a reply
/// arrived. It also hides a failed write until all received bytes are read: an engine that rejects
/// an upload replies first and then closes the connection, and after a failed write hyper would not
/// read the reply.
struct CountingStream {
    stream: BoxStream,
    received: Arc<Received>,
    /// The error of a failed write.
    broken: Option<io::Error>,
}

/// The bytes that a connection has received.
#[derive(Default)]
struct Received {
    count: AtomicU64,
    /// Whether the first bytes are a TLS alert: the server expects TLS, not HTTP.
    begins_with_alert: AtomicBool,
}

impl Received {
    fn bytes(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: &[u8]) {
        let before = self.count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before == 0 && bytes.starts_with(TLS_ALERT) {
            self.begins_with_alert.store(true, Ordering::Relaxed);
        }
    }
}

/// The start of an alert in every TLS version: the content type, and the major version.
const TLS_ALERT: &[u8] = &[21, 3];

impl CountingStream {
    fn written(&mut self, outcome: Poll<io::Result<usize>>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Err(error)) if is_hang_up(&error) => {
                self.broken = Some(error);
                // This makes hyper read again.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }
}

impl AsyncRead for CountingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.received.add(&buf.filled()[before..]);
        match self.broken.take() {
            Some(error) if read == 0 => Poll::Ready(Err(error)),
            broken => {
                self.broken = broken;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for CountingStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut self.stream).poll_write(cx, data);
        self.written(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return Poll::Pending;
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.written(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
