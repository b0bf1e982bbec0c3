//! Filters with every key set.

use engine_api::configs::ConfigFilters;
use engine_api::containers::{ContainerFilters, HealthStatus, Isolation, RunState};
use engine_api::images::{BuildCacheFilters, ImageFilters};
use engine_api::nodes::{NodeFilters, NodeMembership, NodeRole};
use engine_api::secrets::SecretFilters;
use engine_api::services::{ServiceFilters, ServiceModeName};
use engine_api::system::{EventFilters, EventKind, EventScope};
use engine_api::tasks::{TaskFilters, TaskRuntime, TaskState};

use super::two;

pub(super) fn containers() -> ContainerFilters {
    ContainerFilters {
        ancestor: two(),
        before: two(),
        expose: two(),
        exited: vec![0, 1],
        health: vec![HealthStatus::Healthy],
        id: two(),
        is_task: Some(true),
        isolation: vec![Isolation::Process],
        label: two(),
        name: two(),
        network: two(),
        publish: two(),
        since: two(),
        status: vec![RunState::Running],
        volume: two(),
    }
}

pub(super) fn images() -> ImageFilters {
    ImageFilters {
        before: "a".into(),
        dangling: Some(true),
        label: two(),
        label_not: two(),
        reference: two(),
        since: "b".into(),
        until: "1h".into(),
    }
}

pub(super) fn cache() -> BuildCacheFilters {
    BuildCacheFilters {
        until: "1h".into(),
        id: "a".into(),
        parent: "b".into(),
        kind: "regular".into(),
        description: "c".into(),
        in_use: true,
        shared: true,
        private: true,
    }
}

pub(super) fn events() -> EventFilters {
    EventFilters {
        config: two(),
        container: two(),
        daemon: two(),
        event: two(),
        image: two(),
        label: two(),
        network: two(),
        node: two(),
        plugin: two(),
        scope: vec![EventScope::Swarm],
        secret: two(),
        service: two(),
        kind: vec![EventKind::Container],
        volume: two(),
    }
}

pub(super) fn nodes() -> NodeFilters {
    NodeFilters {
        id: two(),
        label: two(),
        membership: vec![NodeMembership::Accepted],
        name: two(),
        node_label: two(),
        role: vec![NodeRole::Worker],
    }
}

pub(super) fn services() -> ServiceFilters {
    ServiceFilters {
        id: two(),
        label: two(),
        mode: vec![ServiceModeName::Global],
        name: two(),
        runtime: vec![TaskRuntime::Container],
    }
}

pub(super) fn tasks() -> TaskFilters {
    TaskFilters {
        desired_state: vec![TaskState::Running],
        id: two(),
        label: two(),
        name: two(),
        node: two(),
        runtime: vec![TaskRuntime::Container],
        service: two(),
    }
}

pub(super) fn secrets() -> SecretFilters {
    SecretFilters {
        id: two(),
        label: two(),
        name: two(),
        names: two(),
    }
}

pub(super) fn configs() -> ConfigFilters {
    ConfigFilters {
        id: two(),
        label: two(),
        name: two(),
    }
}
