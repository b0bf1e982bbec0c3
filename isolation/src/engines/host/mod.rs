//! Shared code of engines that run processes of this machine: process groups, private directories,
//! paths below a root.

pub(crate) mod base;
mod capabilities;
pub(crate) mod cgroup;
pub(crate) mod directory;
mod disk;
pub(crate) mod environment_processes;
#[cfg(target_os = "linux")]
mod file_user;
mod files;
pub(crate) mod instance;
mod metrics;
mod mounts;
pub(crate) mod output;
pub(crate) mod paths;
pub(crate) mod process;
pub(crate) mod process_group;
pub(crate) mod process_usage;
pub(crate) mod rename;
pub(crate) mod setup;
pub(crate) mod snapshot;
mod terminal;
mod variables;
mod watch;
pub(crate) mod watcher;

use crate::error::{Error, Result};

/// Runs blocking work on a thread for it; `engine` is the name of the engine.
pub(crate) async fn blocking<T: Send + 'static>(
    engine: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::engine(engine, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_an_error_of_the_engine() {
        assert_eq!(blocking("basic", || Ok(7)).await.unwrap(), 7);
        let error = blocking::<()>("basic", || panic!("broken")).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Engine, "{error}");
        assert!(error.to_string().contains("basic"), "{error}");
    }
}
