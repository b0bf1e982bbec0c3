//! Named pipes, where the engine listens on Windows.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient, PipeMode};

use super::connector::{BoxStream, Connecting, Connector, in_runtime};

/// All instances of the pipe are in use; the engine creates another one when it notices that.
const ERROR_PIPE_BUSY: i32 = 231;

/// The pause before a busy pipe is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Connects to a named pipe of this machine or of another one.
#[derive(Debug, Clone)]
pub struct NamedPipeConnector {
    path: String,
}

impl NamedPipeConnector {
    /// A connector to the pipe at `path`, `\\.\pipe\docker_engine` or, as in `DOCKER_HOST`,
    /// `//./pipe/docker_engine`.
    pub fn new(path: &str) -> Self {
        Self {
            path: path.replace('/', r"\"),
        }
    }

    /// Opens the pipe, and tries again while it is busy: a pipe has one instance for each client,
    /// and the engine creates the next instance shortly after the last one is in use. The timeout
    /// of the connection ends the attempts.
    async fn open(&self) -> io::Result<NamedPipeClient> {
        loop {
            match ClientOptions::new().open(&self.path) {
                Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                    tokio::time::sleep(PAUSE).await
                }
                outcome => return outcome,
            }
        }
    }
}

impl Connector for NamedPipeConnector {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            in_runtime()?;
            let pipe = self.open().await?;
            let messages = matches!(pipe.info()?.mode, PipeMode::Message);
            Ok(Box::new(PipeStream {
                pipe,
                messages,
                ended: false,
                finished: false,
            }) as BoxStream)
        })
    }

    fn address(&self) -> String {
        format!("npipe://{}", self.path.replace('\\', "/"))
    }
}

/// A pipe has no halves to close. Engines use pipes with messages, and an empty message marks the
/// end of the data, in both directions.
struct PipeStream {
    pipe: NamedPipeClient,
    messages: bool,
    /// The end of the engine's data was read.
    ended: bool,
    /// The end of our data was sent.
    finished: bool,
}

impl AsyncRead for PipeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ended || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.pipe).poll_read(cx, buffer))?;
        // After the empty message, a read would wait for another message.
        this.ended = buffer.filled().len() == before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PipeStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if data.is_empty() {
            return Poll::Ready(Ok(0)); // it would be read as the end
        }
        if this.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut this.pipe).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().pipe).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.finished {
            return Poll::Ready(Ok(()));
        }
        if !this.messages {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this pipe carries bytes, not messages, so it cannot signal the end of the input",
            )));
        }
        ready!(Pin::new(&mut this.pipe).poll_write(cx, &[]))?;
        this.finished = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};

    use super::*;

    /// The engine's end of a pipe, and a connector to it. Each test has a pipe of its own.
    fn pipe(name: &str, mode: PipeMode) -> (NamedPipeServer, NamedPipeConnector) {
        let path = format!(r"\\.\pipe\engine-api-{name}-{}", std::process::id());
        let mut options = ServerOptions::new();
        let server = options.pipe_mode(mode).max_instances(1).create(&path).unwrap();
        (server, NamedPipeConnector::new(&path))
    }

    #[tokio::test]
    async fn each_side_ends_what_it_sends_and_goes_on_reading() {
        let (mut server, connector) = pipe("halves", PipeMode::Message);
        let mut client = connector.connect().await.unwrap();
        server.connect().await.unwrap();
        client.write_all(b"in").await.unwrap();
        client.write_all(b"").await.unwrap(); // not yet the end
        client.write_all(b"put").await.unwrap();
        client.shutdown().await.unwrap();
        client.shutdown().await.unwrap();
        assert!(client.write_all(b"more").await.is_err());

        let mut sent = Vec::new();
        loop {
            let mut buffer = [0; 16];
            match server.read(&mut buffer).await.unwrap() {
                0 => break,
                n => sent.extend_from_slice(&buffer[..n]),
            }
        }
        assert_eq!(sent, b"input");

        server.write_all(b"output").await.unwrap();
        assert_eq!(server.write(b"").await.unwrap(), 0);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"output");
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "an end lasts");
    }

    #[tokio::test]
    async fn an_engine_that_goes_is_an_end() {
        let (server, connector) = pipe("gone", PipeMode::Message);
        let mut client = connector.connect().await.unwrap();
        server.connect().await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_busy_pipe_is_tried_again() {
        let (server, connector) = pipe("busy", PipeMode::Message);
        let first = connector.connect().await.unwrap();
        server.connect().await.unwrap();
        let busy = ClientOptions::new().open(&connector.path).unwrap_err();
        assert_eq!(busy.raw_os_error(), Some(ERROR_PIPE_BUSY));

        let (second, ()) = tokio::join!(connector.connect(), async {
            tokio::task::yield_now().await; // the second attempt has found no instance by now
            drop(first);
            server.disconnect().unwrap();
            server.connect().await.unwrap();
        });
        second.unwrap();
    }

    #[tokio::test]
    async fn no_pipe_is_an_error_at_once() {
        let connector = NamedPipeConnector::new("//./pipe/engine-api-no-such-pipe");
        let error = connector.connect().await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(connector.address(), "npipe:////./pipe/engine-api-no-such-pipe");
    }

    #[tokio::test]
    async fn a_pipe_of_bytes_cannot_tell_the_end() {
        let (_server, connector) = pipe("bytes", PipeMode::Byte);
        let mut client = connector.connect().await.unwrap();
        let error = client.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn a_ping_goes_over_a_pipe() {
        let (mut server, connector) = pipe("ping", PipeMode::Message);
        let docker = crate::Docker::with_connector(connector);
        let engine = async {
            server.connect().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(server.read_u8().await.unwrap());
            }
            let reply = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 0\r\n\r\n";
            server.write_all(reply).await.unwrap();
        };
        let (version, ()) = tokio::join!(docker.version(), engine);
        assert_eq!(version.unwrap().to_string(), "1.51");
    }
}
