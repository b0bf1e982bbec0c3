//! Creates a container that is removed if its creator is dropped.

use engine_api::Docker;
use engine_api::containers::{ContainerCreated, CreateContainer};

use super::NAME;
use super::remove::Guard;
use crate::engine::context::Context;
use crate::error::{Error, Result};

/// Creates a container, with a guard that exists before the request is sent.
///
/// A task completes the call, so that a container is known and removed even if the caller is
/// dropped and the reply comes late. If the task is dropped too, the guard looks for the container
/// by name.
pub(super) async fn create_guarded(
    docker: &Docker,
    body: CreateContainer,
    context: &Context,
) -> Result<engine_api::Result<(Guard, Vec<String>)>> {
    let (docker, journal) = (docker.clone(), context.journal().clone());
    let creating = tokio::spawn(async move {
        let mut guard = Guard::expecting(&docker, &body, &journal);
        let created: engine_api::Result<ContainerCreated> = docker.containers().create(body).await;
        match created {
            Ok(created) => {
                guard.made(&created.id);
                Ok((guard, created.warnings))
            }
            Err(error) => {
                // A daemon that replied with an error has created nothing.
                if error.status().is_some() {
                    guard.disarm();
                }
                Err(error)
            }
        }
    });
    creating.await.map_err(|ended| Error::engine(NAME, ended))
}
