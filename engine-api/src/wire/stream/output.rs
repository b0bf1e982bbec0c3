//! A process's output as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::collect::Collected;
use super::framing::{Chunk, Frames};
use super::source::Source;
use crate::error::{Error, Result};
use crate::reply_limits::ReplyLimits;
use crate::wire::call_context::CallContext;
use crate::wire::reply::Reply;

/// The output of a process: [`Chunk`]s of standard output and standard error, or of a terminal.
///
/// A stream that ends inside a frame ends with an error ([`crate::ErrorKind::Truncated`]), and
/// never looks complete. Dropping it closes its connection.
///
/// ```no_run
/// # async fn demo(mut output: engine_api::Output) -> engine_api::Result<()> {
/// use engine_api::Chunk;
///
/// while let Some(chunk) = output.next().await {
///     match chunk? {
///         Chunk::Stderr(bytes) => eprint!("{}", String::from_utf8_lossy(&bytes)),
///         other => print!("{}", String::from_utf8_lossy(other.bytes())),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Output {
    source: Source,
    framing: Framing,
    announced: Announced,
    context: CallContext,
    limits: ReplyLimits,
}

/// The framing, from the content type or from the `Tty` flag of the container; never guessed.
enum Framing {
    Frames(Box<Frames>),
    Terminal,
}

/// The framing according to the head of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// `application/vnd.docker.multiplexed-stream`.
    Frames,
    /// `application/vnd.docker.raw-stream`; before API 1.42, and on Podman, it can have frames.
    Raw,
    /// No content type, or another one.
    Nothing,
}

/// Reads the content type of a stream.
pub(crate) fn announced(content_type: Option<&str>) -> Announced {
    match content_type.map(|text| text.split(';').next().unwrap_or(text).trim()) {
        Some("application/vnd.docker.multiplexed-stream") => Announced::Frames,
        Some("application/vnd.docker.raw-stream") => Announced::Raw,
        _ => Announced::Nothing,
    }
}

impl Output {
    pub(crate) fn from_reply(reply: Reply) -> Self {
        let announced = announced(reply.header("content-type"));
        let source = Source::Body(Box::new(reply.body));
        Self::new(source, announced, reply.context, reply.limits)
    }

    /// The framing according to the head of the reply.
    pub(crate) fn announced(&self) -> Announced {
        self.announced
    }

    /// Output in frames; [`Output::terminal`] can change it.
    pub(crate) fn new(
        source: Source,
        announced: Announced,
        context: CallContext,
        limits: ReplyLimits,
    ) -> Self {
        Self {
            source,
            framing: Framing::Frames(Box::default()),
            announced,
            context,
            limits,
        }
    }

    /// Sets whether the process has a terminal, whose output has no frames.
    pub(crate) fn terminal(mut self, terminal: bool) -> Self {
        self.framing = if terminal {
            Framing::Terminal
        } else {
            Framing::Frames(Box::default())
        };
        self
    }

    /// The next chunk; `None` at the end. Cancel-safe: a dropped `next` loses nothing.
    pub async fn next(&mut self) -> Option<Result<Chunk>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Reads to the end: standard output (or the terminal) and standard error, separately.
    ///
    /// # Errors
    ///
    /// The errors of [`Output::next`], and [`crate::ErrorKind::ReplyTooLong`] above
    /// [`ReplyLimits::collected`]. The output until then is lost; read chunk by chunk to keep it.
    pub async fn collect(mut self) -> Result<(Bytes, Bytes)> {
        let mut collected = self.collected();
        while let Some(chunk) = self.next().await {
            collected.add(&chunk?)?;
        }
        Ok(collected.into_parts())
    }

    /// Collects chunks of this output.
    pub(crate) fn collected(&self) -> Collected {
        Collected::new(self.limits.collected, self.context.clone())
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        loop {
            if let Framing::Frames(frames) = &mut self.framing {
                if let Some(item) = frames.next() {
                    return Poll::Ready(Some(item.map_err(|cause| self.fail(cause))));
                }
            }
            let piece = match ready!(self.source.poll_next(cx)) {
                Some(Ok(piece)) => piece,
                Some(Err(cause)) => return Poll::Ready(Some(Err(self.fail(cause)))),
                None => return Poll::Ready(self.end().err().map(Err)),
            };
            match &mut self.framing {
                Framing::Frames(frames) => frames.push(piece),
                Framing::Terminal => return Poll::Ready(Some(Ok(Chunk::Terminal(piece)))),
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match &mut self.framing {
            Framing::Frames(frames) => frames.end().map_err(|cause| self.context.error(cause)),
            Framing::Terminal => Ok(()),
        }
    }

    /// After an error the stream ends.
    fn fail(&mut self, cause: crate::error::Cause) -> Error {
        self.source = Source::Done;
        self.framing = Framing::Terminal;
        self.context.error(cause)
    }
}

impl Stream for Output {
    type Item = Result<Chunk>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk>>> {
        self.get_mut().poll_chunk(cx)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("of", &self.context)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "blocking", feature = "containers"))]
mod tests {
    use crate::blocking::{iter, wait};
    use crate::error::ErrorKind;
    use crate::exec::StartExec;
    use crate::wire::canned::Canned;

    #[test]
    fn output_is_an_iterator_that_ends_after_an_error() {
        let head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
                    Content-Type: application/vnd.docker.raw-stream\r\n\r\n";
        let engine = Canned {
            then: Some(std::io::ErrorKind::TimedOut),
            ..Canned::new(format!("{head}text\u{e9}"))
        };
        let options = StartExec {
            tty: true,
            ..StartExec::default()
        };
        let docker = engine.docker();
        let output = wait(docker.execs().start("e1", options)).unwrap().output;
        let mut text = String::new();
        let mut kinds = Vec::new();
        for chunk in iter(output) {
            match chunk {
                Ok(chunk) => text.push_str(&chunk.text()),
                Err(error) => kinds.push((error.kind(), error.io_kind())),
            }
        }
        assert_eq!(text, "text\u{e9}");
        assert_eq!(
            kinds,
            [(ErrorKind::Disconnected, Some(std::io::ErrorKind::TimedOut))]
        );
    }
}
