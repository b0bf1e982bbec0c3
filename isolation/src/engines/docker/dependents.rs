//! The containers that have the network of another one. Podman removes that one only after them;
//! with Docker, they lose their network.

use std::collections::BTreeMap;

use engine_api::Docker;
use engine_api::containers::InspectContainer;

use super::diagnostics::to_error;
use super::networks::shared;
use super::{busy, labels, listed};
use crate::counted;
use crate::environment::sharing;
use crate::error::{Error, ErrorKind, Result};

/// The report of Podman about such a container; a list of IDs may follow.
const BEFORE: &str = "has dependent containers which must be removed before it";

/// The length of an ID.
const ID: usize = 64;

/// Whether a removal fails because of such containers.
pub(super) fn are_cause(error: &engine_api::Error) -> bool {
    error.message().unwrap_or_default().contains(BEFORE)
}

/// The IDs of the containers that must be removed first; empty for other errors.
pub(super) fn of(error: &engine_api::Error) -> Vec<String> {
    let message = error.message().unwrap_or_default();
    let listed = message.split_once(BEFORE).map_or("", |(_, listed)| listed);
    let words = listed.split(|one: char| !one.is_ascii_hexdigit());
    words.filter(|word| word.len() == ID).map(str::to_owned).collect()
}

/// Whether this process is removing one of them.
pub(super) fn are_busy(dependents: &[String]) -> bool {
    dependents.iter().any(|id| busy::is_busy(id))
}

/// The names of the environments of any process that have the network of this container. Those
/// that this process removes are left out.
pub(super) async fn listed(docker: &Docker, container: &str) -> Result<Vec<String>> {
    let all = listed::every_with_label(docker, labels::ENVIRONMENT.to_owned()).await?;
    let mode = shared::mode(container);
    let using = all
        .into_iter()
        .filter(|one| one.host_config.network_mode == mode && !busy::is_busy(&one.id));
    Ok(using.filter_map(|one| name(&one.labels)).collect())
}

/// The name of the environment with these labels, or its ID.
fn name(labels: &BTreeMap<String, String>) -> Option<String> {
    let name = labels.get(labels::NAME).filter(|name| !name.is_empty());
    name.or_else(|| labels.get(labels::ENVIRONMENT)).cloned()
}

/// The error of a removal. It names the environments that must be destroyed first.
pub(super) async fn removal_error(docker: &Docker, error: engine_api::Error) -> Error {
    let (mut environments, mut others) = (Vec::new(), Vec::new());
    for id in of(&error) {
        let inspected = docker
            .containers()
            .inspect(&id, InspectContainer::default())
            .await;
        // One that has ended meanwhile, or cannot be inspected, has only its ID.
        let Ok(container) = inspected else {
            others.push(id);
            continue;
        };
        let labels = &container.config.labels;
        match name(labels).filter(|_| labels.contains_key(labels::ENVIRONMENT)) {
            Some(name) => environments.push(name),
            None => others.push(container.name.trim_start_matches('/').to_owned()),
        }
    }
    let mut first = Vec::new();
    if !environments.is_empty() {
        first.push(sharing::in_use(&environments).to_string());
    }
    if !others.is_empty() {
        first.push(format!(
            "its network is used by the {}; remove what uses it first",
            counted::listed(&others, "container", "containers")
        ));
    }
    match first.is_empty() {
        true => to_error(error),
        false => Error::new(ErrorKind::Conflict, first.join("; ")),
    }
}
