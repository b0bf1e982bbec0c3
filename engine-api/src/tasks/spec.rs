//! The specification of a task.

use serde::{Deserialize, Serialize};

use super::ContainerSpec;
use crate::common::{DriverOptions, EnvList};
use crate::swarm::{Driver, Platform, Resources};
use crate::version::Version;
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// What a task runs, where, and with what. Definition `TaskSpec`.
///
/// One of `container_spec`, `plugin_spec` and `network_attachment_spec` is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskSpec {
    /// A plugin to install; for [`TaskRuntime::Plugin`], on experimental engines.
    pub plugin_spec: Option<PluginSpec>,
    /// A container to run.
    pub container_spec: Option<ContainerSpec>,
    /// A container outside of services that is in an overlay network; only replies have it.
    pub network_attachment_spec: Option<NetworkAttachmentSpec>,
    /// Limits of each container, and reservations on its node.
    pub resources: Option<ResourceRequirements>,
    /// When a task that ended is followed by another.
    pub restart_policy: Option<TaskRestartPolicy>,
    /// On which nodes.
    pub placement: Option<Placement>,
    /// A change of this number replaces all tasks.
    pub force_update: u64,
    /// What runs the task; empty is a container.
    pub runtime: TaskRuntime,
    /// The networks that the containers are in.
    pub networks: Vec<NetworkAttachmentConfig>,
    /// The logging driver; `None` is the swarm's.
    pub log_driver: Option<Driver>,
}

impl TaskSpec {
    /// Whether its container has a terminal, so that its output is one stream.
    pub(crate) fn has_terminal(&self) -> bool {
        self.container_spec
            .as_ref()
            .is_some_and(|container| container.tty)
    }

    pub(crate) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let resources = self.resources.iter().flat_map(ResourceRequirements::requires);
        resources.chain(self.container_spec.iter().flat_map(ContainerSpec::requires))
    }
}

/// What runs a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaskRuntime {
    /// A container.
    Container,
    /// An engine's plugin.
    Plugin,
    /// A container outside of services.
    Attachment,
    /// A word this crate does not know; empty for a container.
    Other(String),
}

open_enum!(TaskRuntime {
    Container = "container",
    Plugin = "plugin",
    Attachment = "attachment",
});

/// A plugin that a service installs. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct PluginSpec {
    /// The name that it gets.
    #[serde(alias = "Name")]
    pub name: String,
    /// The plugin's reference.
    #[serde(alias = "Remote")]
    pub remote: String,
    /// Whether it is installed without being enabled.
    #[serde(alias = "Disabled")]
    pub disabled: bool,
    /// What it may do; the API description calls it `PluginPrivilege`, engines `privileges`.
    #[serde(alias = "PluginPrivilege")]
    pub privileges: Vec<PluginPrivilege>,
    /// Variables for it, `NAME=value`; not in the API description.
    pub env: EnvList,
}

/// Something that a plugin may do. Definition `PluginPrivilege`, as services write it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct PluginPrivilege {
    /// What: `network`.
    #[serde(alias = "Name")]
    pub name: String,
    /// What that means.
    #[serde(alias = "Description")]
    pub description: String,
    /// How far: `host`.
    #[serde(alias = "Value")]
    pub value: Vec<String>,
}

/// A container outside of services, seen as a task. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachmentSpec {
    /// The container's id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
}

/// What a container may use, and what its node must have. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceRequirements {
    /// What it may use.
    pub limits: Option<ResourceLimits>,
    /// Resources that its node must have free.
    pub reservations: Option<Resources>,
    /// Bytes of swap, with a limit of memory; -1 is any number, `None` twice the memory. Since API
    /// 1.52.
    pub swap_bytes: Option<i64>,
    /// How readily memory is swapped out, 0 to 100; -1 takes back what was set, `None` is the
    /// system's. Since API 1.52.
    pub memory_swappiness: Option<i64>,
}

impl ResourceRequirements {
    fn requires(&self) -> impl Iterator<Item = Requirement> {
        let first = Version::new(1, 52);
        let swap = self.swap_bytes.is_some();
        let swappiness = self.memory_swappiness.is_some();
        [
            Requirement::since(swap, "ResourceRequirements::swap_bytes", first),
            Requirement::since(swappiness, "ResourceRequirements::memory_swappiness", first),
        ]
        .into_iter()
        .flatten()
    }
}

/// What a container may use; 0 is any number. Definition `Limit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceLimits {
    /// Processor time in billionths of a processor.
    #[serde(rename = "NanoCPUs")]
    pub nano_cpus: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Processes.
    pub pids: i64,
}

/// When a task that ended is followed by another. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskRestartPolicy {
    /// After which end.
    pub condition: RestartCondition,
    /// Nanoseconds before the next one starts; `None` is five seconds.
    pub delay: Option<i64>,
    /// How many at most within the window; 0 and `None` are any number.
    pub max_attempts: Option<u64>,
    /// Nanoseconds in which attempts are counted; 0 and `None` are for ever.
    pub window: Option<i64>,
}

/// After which end a task is followed by another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RestartCondition {
    /// After none.
    None,
    /// After an exit code other than 0.
    OnFailure,
    /// After any.
    Any,
    /// A word this crate does not know; empty is the engine's default, `any`.
    Other(String),
}

open_enum!(RestartCondition {
    None = "none",
    OnFailure = "on-failure",
    Any = "any",
});

/// On which nodes tasks run. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Placement {
    /// What a node must be like, all of it: `node.role==manager`, `node.labels.zone!=z1`.
    pub constraints: Vec<String>,
    /// How tasks are spread over the nodes, the most important first.
    pub preferences: Vec<PlacementPreference>,
    /// How many on one node at most; 0 is any number.
    pub max_replicas: u64,
    /// Platforms that the image is for; empty is any.
    pub platforms: Vec<Platform>,
}

/// How tasks are spread over nodes. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PlacementPreference {
    /// Evenly over the values of a label.
    pub spread: Option<SpreadOver>,
}

/// A label over whose values tasks are spread. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SpreadOver {
    /// The label: `node.labels.zone`.
    pub spread_descriptor: String,
}

/// A network that a service's containers are in. Definition `NetworkAttachmentConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachmentConfig {
    /// The network, by name or id.
    pub target: String,
    /// More names of the service there.
    pub aliases: Vec<String>,
    /// Options for the network's driver.
    pub driver_opts: DriverOptions,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn zero_swap_differs_from_absent_swap() {
        let none = ResourceRequirements {
            swap_bytes: Some(0),
            memory_swappiness: Some(-1),
            ..Default::default()
        };
        let text = encode(&none).unwrap();
        assert_eq!(text, br#"{"SwapBytes":0,"MemorySwappiness":-1}"#);
        assert_eq!(decode::<ResourceRequirements>(&text).unwrap(), none);
        let silent: ResourceRequirements = decode(br#"{"SwapBytes":null}"#).unwrap();
        assert_eq!(silent.swap_bytes, None);
    }

    #[test]
    fn plugin_is_written_in_lower_case_read_in_either() {
        let plugin = PluginSpec {
            remote: "r".into(),
            disabled: true,
            ..Default::default()
        };
        assert_eq!(encode(&plugin).unwrap(), br#"{"remote":"r","disabled":true}"#);
        let upper: PluginSpec = decode(br#"{"Remote":"r","Disabled":true,"PluginPrivilege":null}"#).unwrap();
        assert_eq!(upper, plugin);
    }
}
