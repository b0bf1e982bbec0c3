//! The specification of a task.

use serde::{Deserialize, Serialize};

use super::container_spec::ContainerSpec;
use crate::common::resources::{Platform, Resources};
use crate::common::{DriverOptions, EnvList};
use crate::swarm::Driver;
use crate::version::Version;
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// The specification of a task. Definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "TaskFields", into = "TaskFields")]
pub struct TaskSpec {
    /// The container, plugin or attachment; `None` only in replies.
    pub kind: Option<TaskKind>,
    /// Limits of each container, and reservations on its node.
    pub resources: Option<ResourceRequirements>,
    /// The restart policy: when a new task replaces one that has exited.
    pub restart_policy: Option<TaskRestartPolicy>,
    /// The placement on nodes.
    pub placement: Option<Placement>,
    /// A change of this number replaces all tasks.
    pub force_update: u64,
    /// The runtime of the task; empty is a container.
    pub runtime: TaskRuntime,
    /// The networks of the containers.
    pub networks: Vec<NetworkAttachmentConfig>,
    /// The logging driver; `None` is the swarm's.
    pub log_driver: Option<Driver>,
}

/// The kind of a task. In JSON, each kind is a field of [`TaskSpec`]; engines use one.
///
/// ```
/// use engine_api::tasks::{ContainerSpec, TaskKind, TaskSpec};
///
/// let container = ContainerSpec { image: "nginx".into(), ..Default::default() };
/// let task = TaskSpec { kind: Some(container.into()), ..Default::default() };
/// assert!(matches!(task.kind, Some(TaskKind::Container(_))));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum TaskKind {
    /// A container to run.
    Container(Box<ContainerSpec>),
    /// A plugin to install; for [`TaskRuntime::Plugin`], on experimental engines.
    Plugin(PluginSpec),
    /// A container outside services in an overlay network; only in replies.
    Attachment(NetworkAttachmentSpec),
}

impl From<ContainerSpec> for TaskKind {
    fn from(container: ContainerSpec) -> Self {
        Self::Container(Box::new(container))
    }
}

impl From<PluginSpec> for TaskKind {
    fn from(plugin: PluginSpec) -> Self {
        Self::Plugin(plugin)
    }
}

impl TaskSpec {
    /// The container, if the task has one.
    pub fn container(&self) -> Option<&ContainerSpec> {
        match &self.kind {
            Some(TaskKind::Container(container)) => Some(container),
            _ => None,
        }
    }

    /// The container to change, if the task has one.
    pub fn container_mut(&mut self) -> Option<&mut ContainerSpec> {
        match &mut self.kind {
            Some(TaskKind::Container(container)) => Some(container),
            _ => None,
        }
    }

    /// Whether its container has a terminal, so that its output is one stream.
    pub(crate) fn has_terminal(&self) -> bool {
        self.container().is_some_and(|container| container.tty)
    }

    pub(crate) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let resources = self.resources.iter().flat_map(ResourceRequirements::requires);
        resources.chain(self.container().into_iter().flat_map(ContainerSpec::requires))
    }
}

/// The JSON form of a [`TaskSpec`].
#[derive(Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TaskFields {
    plugin_spec: Option<PluginSpec>,
    container_spec: Option<Box<ContainerSpec>>,
    network_attachment_spec: Option<NetworkAttachmentSpec>,
    resources: Option<ResourceRequirements>,
    restart_policy: Option<TaskRestartPolicy>,
    placement: Option<Placement>,
    force_update: u64,
    runtime: TaskRuntime,
    networks: Vec<NetworkAttachmentConfig>,
    log_driver: Option<Driver>,
}

impl From<TaskFields> for TaskSpec {
    fn from(fields: TaskFields) -> Self {
        let container = fields.container_spec.map(TaskKind::Container);
        let plugin = fields.plugin_spec.map(TaskKind::Plugin);
        let attachment = fields.network_attachment_spec.map(TaskKind::Attachment);
        Self {
            kind: container.or(plugin).or(attachment),
            resources: fields.resources,
            restart_policy: fields.restart_policy,
            placement: fields.placement,
            force_update: fields.force_update,
            runtime: fields.runtime,
            networks: fields.networks,
            log_driver: fields.log_driver,
        }
    }
}

impl From<TaskSpec> for TaskFields {
    fn from(spec: TaskSpec) -> Self {
        let mut fields = Self {
            resources: spec.resources,
            restart_policy: spec.restart_policy,
            placement: spec.placement,
            force_update: spec.force_update,
            runtime: spec.runtime,
            networks: spec.networks,
            log_driver: spec.log_driver,
            ..Self::default()
        };
        match spec.kind {
            Some(TaskKind::Container(container)) => fields.container_spec = Some(container),
            Some(TaskKind::Plugin(plugin)) => fields.plugin_spec = Some(plugin),
            Some(TaskKind::Attachment(attachment)) => fields.network_attachment_spec = Some(attachment),
            None => {}
        }
        fields
    }
}

/// The runtime of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaskRuntime {
    /// A container.
    Container,
    /// An engine's plugin.
    Plugin,
    /// A container outside services.
    Attachment,
    /// A value that this crate does not know; empty for a container.
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
    /// Its name.
    #[serde(alias = "Name")]
    pub name: String,
    /// The plugin's reference.
    #[serde(alias = "Remote")]
    pub remote: String,
    /// Whether it is installed without being enabled.
    #[serde(alias = "Disabled")]
    pub disabled: bool,
    /// Its privileges; the API description calls the field `PluginPrivilege`, engines `privileges`.
    #[serde(alias = "PluginPrivilege")]
    pub privileges: Vec<PluginPrivilege>,
    /// Variables for it, `NAME=value`; not in the API description.
    pub env: EnvList,
}

/// A privilege of a plugin. Definition `PluginPrivilege`, in the form of services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct PluginPrivilege {
    /// What: `network`.
    #[serde(alias = "Name")]
    pub name: String,
    /// The description.
    #[serde(alias = "Description")]
    pub description: String,
    /// The values: `host`.
    #[serde(alias = "Value")]
    pub value: Vec<String>,
}

/// A container outside services, in the form of a task. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachmentSpec {
    /// The container's id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
}

/// The limits of a container, and its reservations on a node. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceRequirements {
    /// The limits.
    pub limits: Option<ResourceLimits>,
    /// Resources that its node must have free.
    pub reservations: Option<Resources>,
    /// Swap limit in bytes, with a memory limit; -1 is unlimited, `None` twice the memory. Since
    /// API 1.52.
    pub swap_bytes: Option<i64>,
    /// Swappiness of the memory, from 0 to 100; -1 resets it, `None` is the system's. Since API
    /// 1.52.
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

/// The limits of a container; 0 is unlimited. Definition `Limit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceLimits {
    /// CPU limit in billionths of a CPU.
    #[serde(rename = "NanoCPUs")]
    pub nano_cpus: i64,
    /// Bytes of memory.
    pub memory_bytes: i64,
    /// Processes.
    pub pids: i64,
}

/// When a new task replaces one that has exited. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskRestartPolicy {
    /// The condition.
    pub condition: RestartCondition,
    /// Nanoseconds before the next task starts; `None` is five seconds.
    pub delay: Option<i64>,
    /// Maximum number of attempts within the window; 0 and `None` are unlimited.
    pub max_attempts: Option<u64>,
    /// Nanoseconds in which attempts are counted; 0 and `None` are unlimited.
    pub window: Option<i64>,
}

/// The condition under which a new task replaces one that has exited.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RestartCondition {
    /// After none.
    None,
    /// After an exit code other than 0.
    OnFailure,
    /// After any.
    Any,
    /// A value that this crate does not know; empty is the engine's default, `any`.
    Other(String),
}

open_enum!(RestartCondition {
    None = "none",
    OnFailure = "on-failure",
    Any = "any",
});

/// The placement of tasks on nodes. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Placement {
    /// Constraints, which a node must all fulfil: `node.role==manager`, `node.labels.zone!=z1`.
    pub constraints: Vec<String>,
    /// Preferences for the distribution over the nodes, the most important first.
    pub preferences: Vec<PlacementPreference>,
    /// Maximum number of tasks on one node; 0 is unlimited.
    pub max_replicas: u64,
    /// Platforms of the image; empty is any.
    pub platforms: Vec<Platform>,
}

/// A preference for the distribution over nodes. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PlacementPreference {
    /// Evenly distributed over the values of a label.
    pub spread: Option<SpreadOver>,
}

/// A label whose values decide the distribution. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SpreadOver {
    /// The label: `node.labels.zone`.
    pub spread_descriptor: String,
}

/// A network of a service's containers. Definition `NetworkAttachmentConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkAttachmentConfig {
    /// The network, by name or id.
    pub target: String,
    /// Additional names of the service in the network.
    pub aliases: Vec<String>,
    /// Options for the network's driver.
    pub driver_opts: DriverOptions,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn kind_is_a_field_of_its_own_on_the_wire() {
        let container = ContainerSpec {
            image: "a".into(),
            ..Default::default()
        };
        let attachment = NetworkAttachmentSpec {
            container_id: "c".into(),
        };
        let kinds = [
            (
                Some(container.into()),
                r#"{"ContainerSpec":{"Image":"a"},"ForceUpdate":2}"#,
            ),
            (
                Some(PluginSpec::default().into()),
                r#"{"PluginSpec":{},"ForceUpdate":2}"#,
            ),
            (
                Some(TaskKind::Attachment(attachment)),
                r#"{"NetworkAttachmentSpec":{"ContainerID":"c"},"ForceUpdate":2}"#,
            ),
            (None, r#"{"ForceUpdate":2}"#),
        ];
        for (kind, text) in kinds {
            let force_update = 2;
            let spec = TaskSpec {
                kind,
                force_update,
                ..Default::default()
            };
            assert_eq!(String::from_utf8(encode(&spec).unwrap()).unwrap(), text);
            assert_eq!(decode::<TaskSpec>(text.as_bytes()).unwrap(), spec);
            assert_eq!(spec.clone().container_mut().is_some(), text.contains("Image"));
        }
        let null = br#"{"ContainerSpec":null,"PluginSpec":null,"Runtime":null}"#;
        assert_eq!(decode::<TaskSpec>(null).unwrap(), TaskSpec::default());
    }

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
