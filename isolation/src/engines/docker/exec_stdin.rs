//! The standard input of a command in a container.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use engine_api::Input;
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;

/// The end of input on a terminal: Ctrl-D, once on an empty line, twice after other text.
const END_OF_TRANSMISSION: &[u8] = &[4, 4];

/// The input of a command. Shutting it down closes the input but not the output. Dropping it does
/// the same, as far as possible without awaiting.
#[derive(Debug)]
pub(super) struct CommandInput(Option<Open>);

/// An input that is not closed yet.
#[derive(Debug)]
struct Open {
    input: Input,
    /// The rest of the bytes that end the input of a terminal. Docker treats a closed input as the
    /// end of the terminal and drops the output, so a terminal gets Ctrl-D instead.
    farewell: Option<&'static [u8]>,
}

impl Open {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut input = Pin::new(&mut self.input);
        let Some(left) = &mut self.farewell else {
            return input.poll_shutdown(cx);
        };
        while !left.is_empty() {
            let count = ready!(input.as_mut().poll_write(cx, left))?;
            *left = &left[count..];
        }
        input.poll_flush(cx)
    }
}

impl CommandInput {
    pub(super) fn new(input: Input, tty: bool) -> Self {
        let farewell = tty.then_some(END_OF_TRANSMISSION);
        Self(Some(Open { input, farewell }))
    }
}

impl AsyncWrite for CommandInput {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Some(open) => Pin::new(&mut open.input).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Some(open) => Pin::new(&mut open.input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(open) = &mut this.0 else {
            return Poll::Ready(Ok(()));
        };
        let closed = ready!(open.poll_end(cx));
        this.0 = None;
        match closed {
            // The other end was faster: the command has ended.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            closed => Poll::Ready(closed),
        }
    }
}

impl Drop for CommandInput {
    fn drop(&mut self) {
        if let (Some(mut open), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                // The command may have ended already, which is fine.
                let _ = poll_fn(|cx| open.poll_end(cx)).await;
            });
        }
    }
}
