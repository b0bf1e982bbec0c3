//! A container run to its end in one call.

use bytes::Bytes;

use super::create_temporary::Temporary;
use super::{AttachContainer, Containers, CreateContainer, StartContainer, WaitCondition};
use crate::error::Result;
use crate::wire::stream::{Collected, Hijacked, RunOutput, Writing};

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
