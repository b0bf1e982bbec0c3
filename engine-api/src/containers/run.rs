//! A container run to its end in one call.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};

use super::temporary::Temporary;
use super::{AttachContainer, Containers, CreateContainer, StartContainer, WaitCondition};
use crate::error::Result;
use crate::wire::stream::{Chunk, Hijacked, Input, Output};

/// What a process left behind when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOutput {
    /// The exit code; 128 + n after signal n.
    pub exit_code: i64,
    /// Standard output, or all of a terminal's.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
    /// Whether the engine closed the stream after the process had ended. If not, what came until two
    /// quiet looks found the process gone is all there is.
    pub output_complete: bool,
}

impl Containers<'_> {
    /// Runs a container to its end: create, attach, start, write `input`, collect, wait, remove.
    ///
    /// The container is removed with its anonymous volumes on success and on failure; when the future
    /// is dropped, be it while the container is being created, a task of the current runtime removes it. `open_stdin`, `stdin_once` and the
    /// `attach_*` flags are set as needed; `auto_remove` must not be, since the exit code is read after
    /// the end.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::containers::CreateContainer;
    ///
    /// let container = CreateContainer {
    ///     image: "busybox".into(),
    ///     cmd: vec!["sort".into()],
    ///     ..Default::default()
    /// };
    /// let finished = docker.containers().run(container, "b\na\n").await?;
    /// assert_eq!((finished.exit_code, &finished.stdout[..]), (0, &b"a\nb\n"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run(&self, mut container: CreateContainer, input: impl Into<Bytes>) -> Result<RunOutput> {
        let input = input.into();
        if container.host_config.auto_remove {
            return Err(crate::Error::invalid(
                "`run` removes the container itself; leave auto_remove unset",
            ));
        }
        container.open_stdin = !input.is_empty();
        container.stdin_once = container.open_stdin;
        (
            container.attach_stdin,
            container.attach_stdout,
            container.attach_stderr,
        ) = (container.open_stdin, true, true);
        let stdin = container.open_stdin;
        let container = Temporary::create(self.docker, container).await?;
        // Boxed: a caller's future need not be as large as all that may happen here.
        let outcome = Box::pin(self.run_created(container.id(), input, stdin)).await;
        let removed = container.remove().await;
        let finished = outcome?;
        removed.map(|()| finished)
    }

    async fn run_created(&self, id: &str, input: Bytes, stdin: bool) -> Result<RunOutput> {
        let attach = AttachContainer {
            stream: true,
            stdin,
            stdout: true,
            stderr: true,
            ..Default::default()
        };
        let Hijacked {
            input: mut stdin,
            mut output,
            ..
        } = self.attach(id, attach).await?;
        self.start(id, StartContainer::default()).await?;
        let mut collected = Collected::default();
        let mut writing = Writing::new(&mut stdin, &input);
        while let Some(chunk) = writing.beside(&mut output).await {
            collected.add(&chunk?);
        }
        let ended = self.wait(id, WaitCondition::NotRunning).await?;
        Ok(collected.finish(ended.status_code, true))
    }
}

/// Output collected apart.
#[derive(Default)]
pub(crate) struct Collected {
    stdout: BytesMut,
    stderr: BytesMut,
}

impl Collected {
    pub(crate) fn add(&mut self, chunk: &Chunk) {
        match chunk {
            Chunk::Stderr(bytes) => self.stderr.extend_from_slice(bytes),
            Chunk::Stdout(bytes) | Chunk::Terminal(bytes) => self.stdout.extend_from_slice(bytes),
        }
    }

    pub(crate) fn finish(self, exit_code: i64, output_complete: bool) -> RunOutput {
        let (stdout, stderr) = (self.stdout.freeze(), self.stderr.freeze());
        RunOutput {
            exit_code,
            stdout,
            stderr,
            output_complete,
        }
    }
}

/// Input being written and ended while the output is read, so that neither blocks the other.
///
/// A process that ends, or closes its input, before it has read everything is no error: what it does
/// with its input is its own affair, as in a shell's pipe.
pub(crate) struct Writing<'a> {
    /// Gone once all is written, or the other side has stopped reading.
    rest: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(stdin: &'a mut Input, input: &'a [u8]) -> Self {
        let feed = async {
            if stdin.write(input).await.is_ok() {
                // Fails only when the process has gone, which the output tells better.
                drop(stdin.close().await);
            }
        };
        Self {
            rest: if input.is_empty() {
                None
            } else {
                Some(Box::pin(feed))
            },
        }
    }

    /// The next chunk of `output`; writes meanwhile. Cancel-safe.
    pub(crate) async fn beside(&mut self, output: &mut Output) -> Option<Result<Chunk>> {
        std::future::poll_fn(|cx| {
            if self
                .rest
                .as_mut()
                .is_some_and(|rest| rest.as_mut().poll(cx).is_ready())
            {
                self.rest = None;
            }
            output.poll_chunk(cx)
        })
        .await
    }
}
