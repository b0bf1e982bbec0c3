//! What can be known to be wrong, or too new for the engine, before anything is sent.

use super::ServiceSpec;
use crate::containers::{HealthConfig, Mount};
use crate::tasks::{ContainerSpec, ResourceRequirements, TaskRuntime};
use crate::version::Version;
use crate::wire::requirement::Requirement;

const fn v(minor: u16) -> Version {
    Version::new(1, minor)
}

pub(super) fn service(spec: &ServiceSpec) -> Option<String> {
    if spec.mode.count() > 1 {
        return Some("a service has one mode".into());
    }
    let task = &spec.task_template;
    let kinds = [
        task.container_spec.is_some(),
        task.plugin_spec.is_some(),
        task.network_attachment_spec.is_some(),
    ];
    match kinds.into_iter().filter(|set| *set).count() {
        0 => return Some("task_template has neither a container nor a plugin".into()),
        1 => {}
        _ => return Some("task_template has more than one of container, plugin, attachment".into()),
    }
    let container = task.container_spec.as_ref()?;
    if container.image.is_empty() {
        return Some("container_spec has no image".into());
    }
    let runtime = &task.runtime;
    let other = matches!(runtime, TaskRuntime::Plugin | TaskRuntime::Attachment);
    other.then(|| format!("the runtime is {runtime}, but task_template has a container"))
}

/// The fields that older engines lack, and ignore without a word.
pub(super) fn newer_fields(spec: &ServiceSpec) -> Vec<Requirement> {
    let mut newer = Vec::new();
    if let Some(resources) = &spec.task_template.resources {
        newer.extend(newer_resources(resources));
    }
    if let Some(container) = &spec.task_template.container_spec {
        newer.extend(newer_in_container(container));
    }
    newer
}

fn newer_resources(resources: &ResourceRequirements) -> impl Iterator<Item = Requirement> {
    [
        (
            resources.swap_bytes.is_some(),
            "ResourceRequirements::swap_bytes",
            v(52),
        ),
        (
            resources.memory_swappiness.is_some(),
            "ResourceRequirements::memory_swappiness",
            v(52),
        ),
    ]
    .into_iter()
    .filter_map(|(used, what, first)| Requirement::since(used, what, first))
}

fn newer_in_container(container: &ContainerSpec) -> impl Iterator<Item = Requirement> {
    let privileges = container.privileges.as_ref();
    [
        (
            privileges.is_some_and(|privileges| privileges.seccomp.is_some()),
            "Privileges::seccomp",
            v(44),
        ),
        (
            privileges.is_some_and(|privileges| privileges.app_armor.is_some()),
            "Privileges::app_armor",
            v(44),
        ),
        (
            privileges.is_some_and(|privileges| privileges.no_new_privileges),
            "Privileges::no_new_privileges",
            v(44),
        ),
        (
            container.oom_score_adj != 0,
            "ContainerSpec::oom_score_adj",
            v(46),
        ),
    ]
    .into_iter()
    .filter_map(|(used, what, first)| Requirement::since(used, what, first))
    .chain(container.healthcheck.iter().flat_map(HealthConfig::requires))
    .chain(container.mounts.iter().flat_map(Mount::requires))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::ServiceMode;
    use crate::tasks::{PluginSpec, Privileges};

    fn of_image(image: &str) -> ServiceSpec {
        let mut spec = ServiceSpec::default();
        spec.task_template.container_spec = Some(ContainerSpec {
            image: image.into(),
            ..Default::default()
        });
        spec
    }

    #[test]
    fn a_service_has_one_mode_and_one_kind_of_task() {
        assert_eq!(service(&of_image("a")), None);
        assert!(service(&of_image("")).unwrap().contains("image"));
        assert!(service(&ServiceSpec::default()).unwrap().contains("neither"));

        let mut spec = of_image("a");
        spec.mode = ServiceMode::replicated(1);
        spec.mode.global = ServiceMode::global().global;
        assert!(service(&spec).unwrap().contains("one mode"));
        let mut spec = of_image("a");
        spec.task_template.plugin_spec = Some(PluginSpec::default());
        assert!(service(&spec).unwrap().contains("more than one"));
        let mut spec = of_image("a");
        spec.task_template.runtime = TaskRuntime::Plugin;
        assert!(service(&spec).unwrap().contains("plugin"));
    }

    #[test]
    fn what_is_newer_is_known() {
        let asked = |spec: &ServiceSpec| -> Vec<&str> {
            let newer = newer_fields(spec).into_iter();
            newer.map(|requirement| requirement.what).collect()
        };
        let mut spec = of_image("a");
        assert!(asked(&spec).is_empty());
        spec.task_template.resources = Some(ResourceRequirements {
            swap_bytes: Some(0),
            ..Default::default()
        });
        if let Some(container) = &mut spec.task_template.container_spec {
            container.oom_score_adj = 5;
            container.privileges = Some(Privileges {
                no_new_privileges: true,
                ..Default::default()
            });
        }
        assert_eq!(
            asked(&spec),
            [
                "ResourceRequirements::swap_bytes",
                "Privileges::no_new_privileges",
                "ContainerSpec::oom_score_adj"
            ]
        );
    }
}
