//! What containers there are, and what they are doing.

use super::{
    Change, Container, ContainerSummary, Containers, InspectContainer, ListContainers, Processes, ReadStats,
    Stats, TopContainer, checks,
};
use crate::error::Result;
use crate::wire::decode::{Json, Lines};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::stream::{JsonLines, StreamItem};

static LIST: Operation<Json<Vec<ContainerSummary>>> = Operation::get("ContainerList", "/containers/json");
static INSPECT: Operation<Json<Container>> = Operation::get("ContainerInspect", "/containers/{id}/json");
static TOP: Operation<Json<Processes>> = Operation::get("ContainerTop", "/containers/{id}/top");
static CHANGES: Operation<Json<Vec<Change>>> = Operation::get("ContainerChanges", "/containers/{id}/changes");
static STATS: Operation<Lines<Stats>> = Operation::get("ContainerStats", "/containers/{id}/stats");

pub(super) static OPERATIONS: [&OperationInfo; 5] =
    [&LIST.info, &INSPECT.info, &TOP.info, &CHANGES.info, &STATS.info];

impl StreamItem for Stats {}

impl Containers<'_> {
    /// Lists containers; the running ones unless told otherwise.
    pub async fn list(&self, options: ListContainers) -> Result<Vec<ContainerSummary>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Looks for a container by its whole name, running or not; `None` if there is none.
    ///
    /// The filter by name is a regular expression on engines, or a part of the name, so `web.1` finds `web-1`, too; this
    /// does not.
    ///
    /// # Errors
    ///
    /// What cannot be a name is refused before anything is sent.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<ContainerSummary>> {
        let mut options = ListContainers {
            all: true,
            ..Default::default()
        };
        options.filters.name = vec![checks::exactly(name)];
        let found = self
            .docker
            .call(&LIST)
            .query(options.query())
            .reject_if(checks::name(name))
            .send()
            .await?;
        let bare = name.strip_prefix('/').unwrap_or(name);
        let named = |container: &ContainerSummary| {
            let mut names = container.names.iter();
            // Podman has no slash in front.
            names.any(|name| name.strip_prefix('/').unwrap_or(name) == bare)
        };
        Ok(found.into_iter().find(named))
    }

    /// Tells all about a container.
    pub async fn inspect(&self, id: &str, options: InspectContainer) -> Result<Container> {
        self.docker
            .call(&INSPECT)
            .at(id)
            .query(options.query())
            .send()
            .await
    }

    /// Lists the processes in a container, as `ps` shows them.
    pub async fn top(&self, id: &str, options: TopContainer) -> Result<Processes> {
        self.docker.call(&TOP).at(id).query(options.query()).send().await
    }

    /// Lists the files that differ from the image.
    pub async fn changes(&self, id: &str) -> Result<Vec<Change>> {
        self.docker.call(&CHANGES).at(id).send().await
    }

    /// Reads a container's use of resources, about once a second until dropped, or once.
    pub async fn stats(&self, id: &str, options: ReadStats) -> Result<JsonLines<Stats>> {
        self.docker
            .call(&STATS)
            .at(id)
            .query(options.query())
            .reject_if(checks::stats(&options))
            .send()
            .await
    }
}
