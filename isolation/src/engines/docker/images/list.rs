//! Lists images, with what uses them.

use std::collections::{BTreeMap, BTreeSet};

use engine_api::containers::ListContainers;
use engine_api::images::{ImageSummary, ListImages};
use serde::Serialize;

use super::super::diagnostics::to_error;
use super::super::labels;
use super::{BUILT, Images};
use crate::error::Result;

/// An image of the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageEntry {
    /// The ID.
    pub id: String,
    /// Its names, `busybox:1.36`; empty for an image without a name.
    pub names: Vec<String>,
    /// Its size in bytes, with the layers that it shares with other images.
    pub size: u64,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Whether this crate has built it.
    pub built: bool,
    /// The IDs of the environments that use it, of all processes.
    pub environments: BTreeSet<String>,
    /// The number of containers that use it, environments included.
    pub containers: usize,
}

impl ImageEntry {
    /// Whether a container uses it.
    pub fn is_used(&self) -> bool {
        self.containers > 0
    }
}

impl Images<'_> {
    /// Lists the images of the daemon, the newest first, with what uses them.
    pub async fn list(&self) -> Result<Vec<ImageEntry>> {
        self.entries(ListImages::default()).await
    }

    pub(super) async fn entries(&self, options: ListImages) -> Result<Vec<ImageEntry>> {
        let docker = self.engine.docker().await?;
        let listed = docker.images().list(options).await;
        let listed = listed.map_err(|error| to_error(error).during("list the images", ""))?;
        let all = ListContainers {
            all: true,
            ..ListContainers::default()
        };
        let containers = docker.containers().list(all).await;
        let containers =
            containers.map_err(|error| to_error(error).during("list the users of the images", ""))?;
        let mut users: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
        for container in &containers {
            let (count, environments) = users.entry(&container.image_id).or_default();
            *count += 1;
            let environment = labels::read(container, "");
            let named = environment.filter(|one| labels::names(container.plain_name(), &one.id));
            environments.extend(named.map(|one| one.id.to_string()));
        }
        let entry = |image: ImageSummary| {
            let (containers, environments) = users.get(image.id.as_str()).cloned().unwrap_or_default();
            entry(image, containers, environments)
        };
        let mut entries: Vec<ImageEntry> = listed.into_iter().map(entry).collect();
        entries.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.names.cmp(&b.names)));
        Ok(entries)
    }
}

fn entry(image: ImageSummary, containers: usize, environments: BTreeSet<String>) -> ImageEntry {
    let named = |name: &String| name != "<none>:<none>";
    let names: Vec<String> = image.repo_tags.into_iter().filter(named).collect();
    ImageEntry {
        built: image.labels.contains_key(labels::BUILD) && has_name_of_build(&names),
        id: image.id,
        names,
        size: u64::try_from(image.size).unwrap_or_default(),
        created: image.created,
        environments,
        containers,
    }
}

/// Whether an image has the name of a build. An image that was made from a built one inherits the
/// label, but not the name.
fn has_name_of_build(names: &[String]) -> bool {
    let tag = |name: &String| name.strip_prefix(BUILT).map(|rest| rest.starts_with(':'));
    names.iter().any(|name| tag(name) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_image_with_inherited_label_is_not_built() {
        assert!(has_name_of_build(&["mine:1".to_owned(), format!("{BUILT}:k")]));
        assert!(!has_name_of_build(&[]));
        assert!(!has_name_of_build(&["mine:1".to_owned(), format!("{BUILT}er:1")]));
    }
}
