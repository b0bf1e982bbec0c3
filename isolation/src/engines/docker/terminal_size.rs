//! The sizes of terminals in a container.

use std::time::Duration;

use engine_api::common::TerminalSize as ConsoleSize;
use engine_api::containers::InspectContainer;
use tokio::time::sleep;

use super::container::ContainerRef;
use crate::command::terminal::TerminalSize;

/// How often, and at which interval, a refused resize is tried again while the process runs.
const RETRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The terminal of a process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Terminal<'a> {
    /// Of the main process.
    Main,
    /// Of an exec.
    Exec(&'a str),
}

impl Terminal<'_> {
    /// Changes its size, unless the process has ended.
    ///
    /// Daemons report the end in different ways. They also report a process as running before it
    /// exists, and refuse to resize its terminal then.
    pub(super) async fn resize(self, container: &ContainerRef, size: ConsoleSize) -> engine_api::Result<()> {
        for _ in 0..RETRIES {
            match self.try_resize(container, size).await {
                Err(error) if error.is_unreachable() => return Err(error),
                Err(_) if self.runs(container).await? => sleep(PAUSE).await,
                _ => return Ok(()),
            }
        }
        self.try_resize(container, size).await
    }

    async fn try_resize(self, container: &ContainerRef, size: ConsoleSize) -> engine_api::Result<()> {
        let docker = &container.docker;
        match self {
            Self::Main => docker.containers().resize(container.id(), size).await,
            Self::Exec(id) => docker.execs().resize(id, size).await,
        }
    }

    async fn runs(self, container: &ContainerRef) -> engine_api::Result<bool> {
        let docker = &container.docker;
        let running = match self {
            Self::Main => {
                let containers = docker.containers();
                let found = containers.inspect(container.id(), InspectContainer::default());
                found.await.map(|found| found.state.running)
            }
            Self::Exec(id) => docker.execs().inspect(id).await.map(|found| found.running),
        };
        match running {
            Err(error) if error.is_not_found() => Ok(false),
            running => running,
        }
    }
}

/// The size of a terminal, as the daemon reads it.
pub(super) fn console_size(size: TerminalSize) -> ConsoleSize {
    [u32::from(size.rows), u32::from(size.columns)].into()
}
