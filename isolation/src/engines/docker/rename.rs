//! Renames an environment's container.

use std::sync::Arc;

use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::{NAME, labels};
use crate::BoxFuture;
use crate::engine::instance::Rename;
use crate::error::{Error, ErrorKind, Result};

impl Rename for DockerInstance {
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(container) = self.container().await? else {
                return Err(Error::lost());
            };
            // The owner removes the container by its name.
            if self.launcher.made.is_none() && !self.is_kept() {
                let text = "only the process that created the environment can rename it, unless it is kept";
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
            let Some(id) = container.config.labels.get(labels::ENVIRONMENT) else {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "the container has no label with the ID",
                ));
            };
            let new = format!("{}{name}_{id}", self.prefix);
            if container.plain_name() == new {
                return Ok(());
            }
            let (docker, known) = (self.container.docker.clone(), Arc::clone(&self.container.name));
            // In a task: a caller that is dropped meanwhile must not leave the old name, by which
            // the removal would find nothing.
            let renaming = tokio::spawn(async move {
                docker.containers().rename(&container.id, &new).await?;
                known.change(&new);
                Ok(())
            });
            let renamed: engine_api::Result<()> =
                renaming.await.map_err(|ended| Error::engine(NAME, ended))?;
            match renamed {
                Err(error) if error.is_not_found() => Err(Error::lost()),
                renamed => renamed.map_err(to_error),
            }
        })
    }
}
