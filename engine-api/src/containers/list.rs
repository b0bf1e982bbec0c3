//! Listing containers, and finding one by its name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::create::check_name;
use super::{Containers, EndpointSettings, HealthStatus, MountPoint, PortSummary, RunState};
use crate::common::{Isolation, OciDescriptor, StringList};
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<ContainerSummary>>> =
    Operation::get("ContainerList", "/containers/json");

impl Containers<'_> {
    /// Lists containers; by default only running ones.
    pub async fn list(&self, options: ListContainers) -> Result<Vec<ContainerSummary>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Finds a container by its exact name, running or not.
    ///
    /// [`ContainerFilters::name`] matches a part of the name or a regular expression, so `web.1`
    /// also matches `web-1`. This method matches only the exact name.
    ///
    /// # Errors
    ///
    /// An invalid name is rejected before anything is sent.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<ContainerSummary>> {
        let mut options = ListContainers {
            all: true,
            ..Default::default()
        };
        options.filters.name = [exactly(name)].into();
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
            // Podman sends names without a leading slash.
            names.any(|name| name.strip_prefix('/').unwrap_or(name) == bare)
        };
        Ok(found.into_iter().find(named))
    }
}

/// Which containers to list, and with which details. Query of `ContainerList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListContainers {
    /// Whether to list containers that are not running, too.
    pub all: bool,
    /// Maximum number, the newest first, running or not; `None` and 0 are all.
    pub limit: Option<u64>,
    /// Whether to compute the sizes ([`ContainerSummary::size_rw`]), which takes time.
    pub size: bool,
    /// Filters.
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

/// Filters for listed containers. A container must match one of the values of each field that has
/// any.
///
/// It must match all values of `label`. A filter by state or exit code also lists containers that
/// are not running.
///
/// As for all filters, an unknown key is a compile error:
///
/// ```compile_fail,E0560
/// # use engine_api::containers::ContainerFilters;
/// let filters = ContainerFilters { publsh: ["80"].into(), ..Default::default() };
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFilters {
    /// Created from an image, or from one that is based on it: a name, an ID, or `name@digest`.
    pub ancestor: StringList,
    /// Created before a container: its name or ID.
    pub before: StringList,
    /// Exposing a port: `80`, `80/tcp`, `8000-8080/tcp`.
    pub expose: StringList,
    /// Exited with this exit code.
    pub exited: Vec<i64>,
    /// With this health status.
    pub health: Vec<HealthStatus>,
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// Whether it is a task of a service.
    pub is_task: Option<bool>,
    /// With this isolation (Windows).
    pub isolation: Vec<Isolation>,
    /// With this label: `key`, or `key=value`.
    pub label: StringList,
    /// With this name: a part of it, or a regular expression; see [`Containers::find_by_name`].
    pub name: StringList,
    /// In this network: its name or ID.
    pub network: StringList,
    /// Publishing a port of the container: `80`, `80/tcp`, `8000-8080/tcp`.
    pub publish: StringList,
    /// Created after a container: its name or ID.
    pub since: StringList,
    /// In this state.
    pub status: Vec<RunState>,
    /// With this mount: a volume's name, or the path in the container.
    pub volume: StringList,
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
    /// ID, 64 hexadecimal digits.
    #[serde(alias = "ID")]
    pub id: String,
    /// Names, with a leading slash; links add more, see [`ContainerSummary::plain_name`].
    pub names: Vec<String>,
    /// Image, by the name in the request that created the container.
    pub image: String,
    /// ID of the image.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// Manifest of the platform in the image. Since API 1.48, if the image store has manifests.
    pub image_manifest_descriptor: Option<Box<OciDescriptor>>,
    /// Command line.
    pub command: String,
    /// Time of creation, in seconds since 1970.
    pub created: i64,
    /// Ports, exposed and published.
    pub ports: Vec<PortSummary>,
    /// Bytes written to its file system; only if requested.
    pub size_rw: Option<i64>,
    /// Bytes of its whole file system; only if requested.
    pub size_root_fs: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// State.
    pub state: RunState,
    /// State as text for people: `Up 5 minutes (healthy)`.
    pub status: String,
    /// Part of its host configuration.
    pub host_config: ContainerSummaryHostConfig,
    /// Networks.
    pub network_settings: ContainerSummaryNetworkSettings,
    /// Mounts.
    pub mounts: Vec<MountPoint>,
    /// Result of the health check. Since API 1.52.
    pub health: Option<HealthSummary>,
}

impl ContainerSummary {
    /// The container's own name without the leading slash; empty if it has no name.
    pub fn plain_name(&self) -> &str {
        let own = |name: &&str| !name.contains('/'); // a link's name is `/other/alias`
        let mut names = self
            .names
            .iter()
            .map(|name| name.strip_prefix('/').unwrap_or(name));
        names.find(own).unwrap_or_default()
    }
}

/// Part of a container's host configuration. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerSummaryHostConfig {
    /// Network mode: `bridge`, `host`, `none`, `container:<ID>`, or a network's name.
    pub network_mode: String,
    /// Annotations for the runtime. Since API 1.46.
    pub annotations: BTreeMap<String, String>,
}

/// The networks of a container in a list. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ContainerSummaryNetworkSettings {
    /// The endpoints of the container by the names of the networks. Boxed, because a map reserves
    /// space for eleven values, and most containers have one: without the box, each map takes 4
    /// KiB.
    pub networks: BTreeMap<String, Box<EndpointSettings>>,
}

/// Result of the health check, in short. Part of definition `ContainerSummary`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct HealthSummary {
    /// Health status.
    pub status: HealthStatus,
    /// Number of consecutive failures.
    pub failing_streak: i64,
}

/// Returns a regular expression that matches this name only; engines read name filters as such.
fn exactly(name: &str) -> String {
    let bare = name.strip_prefix('/').unwrap_or(name);
    // The dot is the only character of a name with a special meaning.
    format!("^/?{}$", bare.replace('.', "\\."))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn list_filters_have_the_names_of_the_wire() {
        let text = |text: &str| StringList::from([text]);
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
                label: ["l=1", "m"].into(),
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
    fn plain_name_skips_names_of_links() {
        let container = ContainerSummary {
            names: vec!["/web/db".into(), "/db".into()],
            ..Default::default()
        };
        assert_eq!(container.plain_name(), "db");
        assert_eq!(ContainerSummary::default().plain_name(), "");
    }

    #[test]
    fn find_by_name_escapes_dots() {
        assert_eq!(exactly("/web.1-b"), "^/?web\\.1-b$");
    }
}
