//! The specification of a service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::endpoint::EndpointSpec;
use super::mode::ServiceMode;
use crate::tasks::{NetworkAttachmentConfig, TaskRuntime, TaskSpec};
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// The specification of a service. Definition `ServiceSpec`, body of `ServiceCreate` and
/// `ServiceUpdate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceSpec {
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The specification of its tasks.
    pub task_template: TaskSpec,
    /// The mode, which decides the number of its tasks.
    pub mode: ServiceMode,
    /// How its tasks are replaced by an update; `None` is the swarm's default, one by one.
    pub update_config: Option<UpdateConfig>,
    /// How its tasks are replaced by a rollback; `None` is the swarm's default.
    pub rollback_config: Option<RollbackConfig>,
    /// The networks of its containers; from API 1.44 on, use [`TaskSpec::networks`].
    pub networks: Vec<NetworkAttachmentConfig>,
    /// Its endpoint; `None` is a virtual IP address.
    pub endpoint_spec: Option<EndpointSpec>,
}

impl ServiceSpec {
    pub(super) fn check(&self) -> Option<String> {
        let task = &self.task_template;
        if task.kind.is_none() {
            return Some("task_template has no kind; set a container or a plugin".into());
        }
        let container = task.container()?;
        if container.image.is_empty() {
            return Some("the container of task_template has no image; set `image`".into());
        }
        let runtime = &task.runtime;
        let other = matches!(runtime, TaskRuntime::Plugin | TaskRuntime::Attachment);
        other.then(|| format!("the runtime is {runtime}, but task_template has a container"))
    }

    pub(super) fn requires(&self) -> impl Iterator<Item = Requirement> {
        self.task_template.requires()
    }
}

/// How tasks are replaced. Part of definition `ServiceSpec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateConfig {
    /// The number of tasks that are replaced at the same time; 0 is all.
    pub parallelism: u64,
    /// Nanoseconds between two steps.
    pub delay: i64,
    /// The action if too many tasks fail.
    pub failure_action: FailureAction,
    /// Nanoseconds in which a new task is monitored for failure; 0 is five seconds.
    pub monitor: i64,
    /// The fraction of the tasks that may fail, from 0 to 1.
    pub max_failure_ratio: f64,
    /// Whether the old task stops before the new task starts.
    pub order: UpdateOrder,
}

/// How tasks are replaced by a rollback. [`FailureAction::Rollback`] is not allowed here.
pub type RollbackConfig = UpdateConfig;

/// The action if too many new tasks fail.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FailureAction {
    /// Continue the update.
    Continue,
    /// Pause the update.
    Pause,
    /// Roll the update back.
    Rollback,
    /// A value that this crate does not know; empty is the engine's default, `pause`.
    Other(String),
}

open_enum!(FailureAction {
    Continue = "continue",
    Pause = "pause",
    Rollback = "rollback",
});

/// Whether the old task stops before the new one starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpdateOrder {
    /// It does.
    StopFirst,
    /// The new one starts first.
    StartFirst,
    /// A value that this crate does not know; empty is the engine's default, `stop-first`.
    Other(String),
}

open_enum!(UpdateOrder {
    StopFirst = "stop-first",
    StartFirst = "start-first",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{ContainerSpec, PluginSpec, Privileges, ResourceRequirements};

    fn service_of_image(image: &str) -> ServiceSpec {
        let mut spec = ServiceSpec::default();
        let container = ContainerSpec {
            image: image.into(),
            ..Default::default()
        };
        spec.task_template.kind = Some(container.into());
        spec
    }

    #[test]
    fn service_needs_a_kind_of_task_and_an_image() {
        assert_eq!(service_of_image("a").check(), None);
        assert!(service_of_image("").check().unwrap().contains("image"));
        assert!(ServiceSpec::default().check().unwrap().contains("no kind"));

        let mut spec = ServiceSpec::default();
        spec.task_template.kind = Some(PluginSpec::default().into());
        assert_eq!(spec.check(), None);
        let mut spec = service_of_image("a");
        spec.task_template.runtime = TaskRuntime::Plugin;
        assert!(spec.check().unwrap().contains("plugin"));
    }

    #[test]
    fn spec_requires_the_versions_of_its_fields() {
        let requirements = |spec: &ServiceSpec| -> Vec<&str> {
            spec.requires().map(|requirement| requirement.what).collect()
        };
        let mut spec = service_of_image("a");
        assert!(requirements(&spec).is_empty());
        spec.task_template.resources = Some(ResourceRequirements {
            swap_bytes: Some(0),
            ..Default::default()
        });
        if let Some(container) = spec.task_template.container_mut() {
            container.oom_score_adj = 5;
            container.privileges = Some(Privileges {
                no_new_privileges: true,
                ..Default::default()
            });
        }
        assert_eq!(
            requirements(&spec),
            [
                "ResourceRequirements::swap_bytes",
                "Privileges::no_new_privileges",
                "ContainerSpec::oom_score_adj"
            ]
        );
    }
}
