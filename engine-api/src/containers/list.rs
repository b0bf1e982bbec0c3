//! Lists of containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::create::check_name;
use super::{Containers, EndpointSettings, HealthStatus, MountPoint, PortSummary, RunState};
use crate::common::{Isolation, OciDescriptor};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<ContainerSummary>>> =
    Operation::get("ContainerList", "/containers/json");

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
        options.filters.name = vec![exactly(name)];
        let found = self
            .docker
            .call(&LIST)
            .query(options.query())
            .reject_if(check_name(name))
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
}

/// Which containers to list. Query of `ContainerList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListContainers {
    /// Whether to list containers that do not run, too.
    pub all: bool,
    /// At most so many, the newest first, running or not; `None` and 0 are all.
    pub limit: Option<u64>,
    /// Whether to compute [`ContainerSummary::size_rw`] and its like, which takes time.
    pub size: bool,
    /// What the containers must be like.
    pub filters: ContainerFilters,
}

impl ListContainers {
    pub(crate) fn query(&self) -> Query {
        Query::new()
            .flag("all", self.all)
            .maybe("limit", self.limit)
            .flag("size", self.size)
            .filters(&self.filters.filters())
    }
}

/// What the listed containers must be like: one of the values of each field that has any.
///
/// Of `label`, all of the values. A filter by state or exit code lists containers that do not run, too.
///
/// As with all filters, a key that engines do not know cannot be written:
///
/// ```compile_fail,E0560
/// # use engine_api::containers::ContainerFilters;
/// let filters = ContainerFilters { publsh: vec!["80".into()], ..Default::default() };
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFilters {
    /// Made from an image, or from one built upon it: a name, an id, or `name@digest`.
    pub ancestor: Vec<String>,
    /// Made before a container: its name or id.
    pub before: Vec<String>,
    /// Exposing a port: `80`, `80/tcp`, `8000-8080/tcp`.
    pub expose: Vec<String>,
    /// Ended with an exit code.
    pub exited: Vec<i64>,
    /// In a state of health.
    pub health: Vec<HealthStatus>,
    /// With an id, or the start of one.
    pub id: Vec<String>,
    /// Whether part of a service, or not.
    pub is_task: Option<bool>,
    /// Kept apart from the host in a way (Windows).
    pub isolation: Vec<Isolation>,
    /// With a label: `key`, or `key=value`.
    pub label: Vec<String>,
    /// With a name: a part of it, or a regular expression, `^/?web$` for just this one.
    pub name: Vec<String>,
    /// In a network: its name or id.
    pub network: Vec<String>,
    /// Publishing a port of the container's: `80`, `80/tcp`, `8000-8080/tcp`.
    pub publish: Vec<String>,
    /// Made after a container: its name or id.
    pub since: Vec<String>,
    /// In a state.
    pub status: Vec<RunState>,
    /// With a mount: a volume's name, or the path in the container.
    pub volume: Vec<String>,
}

impl ContainerFilters {
    pub(crate) fn filters(&self) -> Filters {
        Filters::new()
            .with("ancestor", &self.ancestor)
            .with("before", &self.before)
            .with("expose", &self.expose)
            .with("exited", self.exited.iter().map(i64::to_string))
            .with("health", &self.health)
            .with("id", &self.id)
            .with("is-task", self.is_task.map(|yes| yes.to_string()))
            .with("isolation", &self.isolation)
            .with("label", &self.label)
            .with("name", &self.name)
            .with("network", &self.network)
            .with("publish", &self.publish)
            .with("since", &self.since)
            .with("status", &self.status)
            .with("volume", &self.volume)
    }
}

/// A container in a list. Definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerSummary {
    /// The id, 64 hexadecimal digits.
    #[serde(alias = "ID")]
    pub id: String,
    /// The names, with a slash in front; links add more, see [`ContainerSummary::plain_name`].
    pub names: Vec<String>,
    /// The image, as it was named when the container was made.
    pub image: String,
    /// The id of the image.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// The platform's manifest in the image. Since API 1.48, where the image store has manifests.
    pub image_manifest_descriptor: Option<Box<OciDescriptor>>,
    /// The command line.
    pub command: String,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// Its ports, exposed and published.
    pub ports: Vec<PortSummary>,
    /// Bytes it has written to its file system; only when asked for.
    pub size_rw: Option<i64>,
    /// Bytes of its whole file system; only when asked for.
    pub size_root_fs: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The state in one word.
    pub state: RunState,
    /// The state for people: `Up 5 minutes (healthy)`.
    pub status: String,
    /// The part of its configuration that lists show.
    pub host_config: ContainerSummaryHostConfig,
    /// Its networks.
    pub network_settings: ContainerSummaryNetworkSettings,
    /// Its mounts.
    pub mounts: Vec<MountPoint>,
    /// What the health check found. Since API 1.52.
    pub health: Option<HealthSummary>,
}

impl ContainerSummary {
    /// The container's own name, without the slash in front; empty when it has none.
    pub fn plain_name(&self) -> &str {
        let own = |name: &&str| !name.contains('/'); // a link's name is `/other/alias`
        let mut names = self
            .names
            .iter()
            .map(|name| name.strip_prefix('/').unwrap_or(name));
        names.find(own).unwrap_or_default()
    }
}

/// The part of a container's configuration that lists show. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerSummaryHostConfig {
    /// `bridge`, `host`, `none`, `container:<id>`, or a network's name.
    pub network_mode: String,
    /// Notes handed to the runtime. Since API 1.46.
    pub annotations: BTreeMap<String, String>,
}

/// The networks of a container in a list. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerSummaryNetworkSettings {
    /// From the names of the networks to the container's place in them. Boxed, because a map sets
    /// aside room for eleven values where most containers have one, 4 KiB each without the box.
    pub networks: BTreeMap<String, Box<EndpointSettings>>,
}

/// What the health check found, in short. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthSummary {
    /// Healthy or not.
    pub status: HealthStatus,
    /// How many checks failed in a row.
    pub failing_streak: i64,
}

/// A regular expression for a name, which engines take filters by name for, and no other.
fn exactly(name: &str) -> String {
    let bare = name.strip_prefix('/').unwrap_or(name);
    // Of what a name may hold, only the dot means anything else.
    format!("^/?{}$", bare.replace('.', "\\."))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn filters_have_the_names_that_engines_accept() {
        let text = |text: &str| vec![text.to_owned()];
        let list = ListContainers {
            all: true,
            limit: Some(3),
            size: true,
            filters: ContainerFilters {
                ancestor: text("a"),
                before: text("b"),
                expose: text("80/tcp"),
                exited: vec![137],
                health: vec![HealthStatus::Healthy],
                id: text("i"),
                is_task: Some(false),
                isolation: vec![Isolation::Hyperv],
                label: vec!["l=1".into(), "m".into()],
                name: text("n"),
                network: text("net"),
                publish: text("81"),
                since: text("s"),
                status: vec![RunState::Exited, RunState::Dead],
                volume: text("v"),
            },
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(
            decoded,
            concat!(
                r#"all=true&limit=3&size=true&filters={"ancestor":["a"],"before":["b"],"expose":["80/tcp"],"#,
                r#""exited":["137"],"health":["healthy"],"id":["i"],"is-task":["false"],"isolation":["hyperv"],"#,
                r#""label":["l=1","m"],"name":["n"],"network":["net"],"publish":["81"],"since":["s"],"#,
                r#""status":["exited","dead"],"volume":["v"]}"#
            )
        );
        assert_eq!(ListContainers::default().query().as_str(), "");
    }

    #[test]
    fn the_plain_name_is_no_link() {
        let container = ContainerSummary {
            names: vec!["/web/db".into(), "/db".into()],
            ..Default::default()
        };
        assert_eq!(container.plain_name(), "db");
        assert_eq!(ContainerSummary::default().plain_name(), "");
    }

    #[test]
    fn a_name_is_looked_for_as_it_is() {
        assert_eq!(exactly("/web.1-b"), "^/?web\\.1-b$");
    }
}
