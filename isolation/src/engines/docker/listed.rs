//! The containers of environments, in the lists of a daemon.

use std::collections::BTreeSet;

use engine_api::Docker;
use engine_api::containers::{ContainerFilters, ContainerSummary, InspectContainer, ListContainers};
use engine_api::images::InspectImage;

use super::diagnostics::to_error;
use super::labels;
use crate::environment::id::EnvironmentId;
use crate::environment::summary::EnvironmentSummary;
use crate::error::Result;

/// A container, and the environment to which it belongs.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) container: ContainerSummary,
    pub(super) environment: EnvironmentSummary,
}

/// The containers of every environment, in any state.
pub(super) async fn all(docker: &Docker, prefix: &str) -> Result<Vec<Listed>> {
    with_label(docker, prefix, labels::ENVIRONMENT.to_owned()).await
}

/// The containers of one environment, in any state.
pub(super) async fn of_environment(docker: &Docker, prefix: &str, id: &str) -> Result<Vec<Listed>> {
    let mut found = with_label(docker, prefix, format!("{}={id}", labels::ENVIRONMENT)).await?;
    found.retain(|one| one.environment.id.as_str() == id);
    Ok(found)
}

/// An image that was made from a container of ours has its labels, and so has every container of
/// that image; others may copy labels, too. A container that was created for an environment has the
/// ID at the end of its name. If somebody has renamed it, no other container has the name, it has
/// the environment variable of ours, and its image does not have the label.
async fn with_label(docker: &Docker, prefix: &str, label: String) -> Result<Vec<Listed>> {
    let listed = every_with_label(docker, label).await?;
    let (mut ours, mut renamed) = (Vec::new(), Vec::new());
    for container in listed {
        if let Some(environment) = labels::read(&container, prefix) {
            let one = Listed {
                container,
                environment,
            };
            match labels::names(one.container.plain_name(), &one.environment.id) {
                true => ours.push(one),
                false => renamed.push(one),
            }
        }
    }
    let named: BTreeSet<EnvironmentId> = ours.iter().map(|one| one.environment.id.clone()).collect();
    for one in renamed {
        let id = &one.environment.id;
        if !named.contains(id) && was_created_for(docker, &one.container.id, id).await? {
            ours.push(one);
        }
    }
    Ok(ours)
}

/// Every container with a label, in any state, also those of strangers.
pub(super) async fn every_with_label(docker: &Docker, label: String) -> Result<Vec<ContainerSummary>> {
    let filters = ContainerFilters {
        label: [label].into(),
        ..ContainerFilters::default()
    };
    let options = ListContainers {
        all: true,
        filters,
        ..ListContainers::default()
    };
    docker.containers().list(options).await.map_err(to_error)
}

/// Whether a container with another name was created for an environment. One that has ended
/// meanwhile was not; without its image that cannot be found out, and it counts as a stranger.
async fn was_created_for(docker: &Docker, container: &str, id: &EnvironmentId) -> Result<bool> {
    let containers = docker.containers();
    let found = match containers.inspect(container, InspectContainer::default()).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(to_error(error)),
    };
    let mark = labels::variable(id);
    if !found.config.env.contains(&mark) {
        return Ok(false);
    }
    let image = match docker
        .images()
        .inspect(&found.image, InspectImage::default())
        .await
    {
        Ok(image) => image.config.unwrap_or_default(),
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(to_error(error)),
    };
    let of_image = image.labels.get(labels::ENVIRONMENT);
    Ok(of_image.is_none_or(|label| label != id.as_str()))
}
