//! Running a container until it exits, in one call.

use std::fmt;

use bytes::Bytes;

use super::{
    AttachContainer, Containers, CreateContainer, StartContainer, TemporaryContainer, WaitCondition,
};
use crate::error::{Error, Result};
use crate::wire::stream::{Hijacked, RunOutput, Writing};

impl Containers<'_> {
    /// Runs a container until it exits, without input: creates, attaches, starts, collects the
    /// output, waits, removes.
    ///
    /// An image that the engine does not have is pulled, as by `docker run`;
    /// [`RunContainer::pull`](RunContainer#structfield.pull) can forbid it. An exit code other than
    /// 0 is not an error.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::containers::CreateContainer;
    ///
    /// let container = CreateContainer {
    ///     image: "busybox".into(),
    ///     cmd: ["echo", "hi"].into(),
    ///     ..Default::default()
    /// };
    /// let output = docker.containers().run(container).await?;
    /// assert_eq!((output.exit_code, &*output.text()), (0, "hi\n"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`Containers::run_with`].
    pub async fn run(&self, container: CreateContainer) -> Result<RunOutput> {
        self.run_with(container, RunContainer::default()).await
    }

    /// Runs a container until it exits, like [`Containers::run`], with options.
    ///
    /// The container is removed with its anonymous volumes on success and on failure. If the future
    /// is dropped, a task of the current runtime removes it, even while it is being created.
    /// `open_stdin`, `stdin_once` and the `attach_*` flags are set as needed.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::containers::{CreateContainer, PullPolicy, RunContainer};
    ///
    /// let sort = CreateContainer {
    ///     image: "busybox".into(),
    ///     cmd: ["sort"].into(),
    ///     ..Default::default()
    /// };
    /// let options = RunContainer {
    ///     input: "b\na\n".into(),
    ///     pull: PullPolicy::Never,
    ///     ..Default::default()
    /// };
    /// let output = docker.containers().run_with(sort, options).await?;
    /// assert_eq!(output.text(), "a\nb\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of its steps. `auto_remove` is rejected, because the exit code is read after the
    /// exit.
    pub async fn run_with(&self, mut container: CreateContainer, options: RunContainer) -> Result<RunOutput> {
        if container.host_config.auto_remove {
            return Err(Error::invalid(
                "`run` removes the container itself; leave `auto_remove` unset",
            ));
        }
        let stdin = !options.input.is_empty();
        (container.open_stdin, container.stdin_once) = (stdin, stdin);
        (
            container.attach_stdin,
            container.attach_stdout,
            container.attach_stderr,
        ) = (stdin, true, true);
        // Boxed, to keep the futures of callers small.
        let container = Box::pin(self.create_for_run(container, &options)).await?;
        let outcome = Box::pin(self.run_created(container.id(), options.input)).await;
        let removed = container.remove().await;
        let output = outcome?;
        removed.map(|()| output)
    }

    async fn run_created(&self, id: &str, input: Bytes) -> Result<RunOutput> {
        let attach = AttachContainer {
            stream: true,
            stdin: !input.is_empty(),
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
        let mut collected = output.collected();
        let mut writing = Writing::new(&mut stdin, &input);
        while let Some(chunk) = writing.beside(&mut output).await {
            collected.add(&chunk?)?;
        }
        let ended = self.wait(id, WaitCondition::NotRunning).await?;
        Ok(collected.finish(ended.status_code, true))
    }
}

/// How to run a container until it exits. Options of [`Containers::run_with`].
#[derive(Clone, Default, PartialEq)]
pub struct RunContainer {
    /// Input; empty input is not attached.
    pub input: Bytes,
    /// When the image is pulled (feature `full`).
    #[cfg(feature = "full")]
    pub pull: PullPolicy,
    /// Credentials for the registry that the image is pulled from (feature `full`).
    #[cfg(feature = "full")]
    pub auth: Option<crate::auth::RegistryAuth>,
}

// The input may be a secret.
impl fmt::Debug for RunContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContainer")
            .field("input", &format_args!("{} bytes", self.input.len()))
            .finish_non_exhaustive()
    }
}

/// When `run` pulls the image of its container.
#[cfg(feature = "full")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PullPolicy {
    /// When the engine does not have it, like `docker run`.
    #[default]
    IfMissing,
    /// Before every run, so that a moved tag is noticed.
    Always,
    /// Never: an image that the engine does not have is an error.
    Never,
}

#[cfg(feature = "full")]
impl Containers<'_> {
    /// The container is created first, so that no request is needed if the engine has the image.
    async fn create_for_run(
        &self,
        container: CreateContainer,
        options: &RunContainer,
    ) -> Result<TemporaryContainer> {
        let images = self.docker.images();
        let pull = crate::images::PullImage {
            platform: container.platform.clone(),
            ..Default::default()
        };
        let (image, auth) = (container.image.clone(), options.auth.as_ref());
        if options.pull == PullPolicy::Always {
            images.pull_with_retry(&image, pull, auth, |_| ()).await?;
            return self.create_temporary(container).await;
        }
        match self.create_temporary(container.clone()).await {
            // 404 may also be a missing network.
            Err(error) if error.is_not_found() && options.pull == PullPolicy::IfMissing => {
                match images.pull_if_missing(&image, pull, auth).await? {
                    true => self.create_temporary(container).await,
                    false => Err(error),
                }
            }
            outcome => outcome,
        }
    }
}

#[cfg(not(feature = "full"))]
impl Containers<'_> {
    async fn create_for_run(
        &self,
        container: CreateContainer,
        _options: &RunContainer,
    ) -> Result<TemporaryContainer> {
        self.create_temporary(container).await
    }
}
