//! The standard input of a command in a container.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use engine_api::Input;
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;

/// What a terminal takes for the end of its input: Ctrl-D, on an empty line and after the rest of another.
const END_OF_TRANSMISSION: &[u8] = &[4, 4];

/// The way to a command. Shutting it down closes the command's input and keeps the output; so does
/// dropping it, as far as that can be done without awaiting.
#[derive(Debug)]
pub(super) struct CommandInput(Option<Open>);

/// An input that is not closed yet.
#[derive(Debug)]
struct Open {
    input: Input,
    /// What is left to say to a terminal, which is told of the end in its own way: Docker takes a closed
    /// input for the end of the terminal, and drops the output.
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
                // That the command has gone already is fine.
                let _ = poll_fn(|cx| open.poll_end(cx)).await;
            });
        }
    }
}
