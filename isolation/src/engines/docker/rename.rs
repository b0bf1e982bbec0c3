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
            // Until the reply comes, the container has either name: a removal finds it by its ID. A
            // task completes the call, also if the caller is dropped meanwhile.
            let renaming = tokio::spawn(async move {
                let old = known.current().to_owned();
                known.change(&container.id);
                let renamed = docker.containers().rename(&container.id, &new).await;
                match &renamed {
                    Ok(()) => known.change(&new),
                    // A request without a reply may have been served.
                    Err(error) if error.status().is_none() => false,
                    Err(_) => known.change(&old),
                };
                renamed
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
