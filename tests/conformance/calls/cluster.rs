//! Calls on services, tasks, nodes, secrets and configs.

use engine_api::common::Timestamp;
use engine_api::configs::ListConfigs;
use engine_api::nodes::{ListNodes, NodeSpec, RemoveNode};
use engine_api::secrets::ListSecrets;
use engine_api::services::{InspectService, ListServices, RegistryAuthFrom, ServiceSpec, UpdateService};
use engine_api::swarm::ObjectVersion;
use engine_api::tasks::{ContainerSpec, ListTasks, ReadTaskLogs, TaskSpec};
use engine_api::{Docker, Result};

use super::{auth, filters, full};

const SEVEN: ObjectVersion = ObjectVersion { index: 7 };

pub(super) async fn services(docker: &Docker) -> Result<()> {
    let (services, auth) = (docker.services(), auth());
    let list = ListServices {
        filters: filters::services(),
        status: true,
    };
    services.list(list).await?;
    let container = ContainerSpec {
        image: "busybox".into(),
        ..Default::default()
    };
    let spec = ServiceSpec {
        task_template: TaskSpec {
            kind: Some(container.into()),
            ..Default::default()
        },
        ..Default::default()
    };
    services.create(spec.clone(), Some(&auth)).await?;
    let insert_defaults = true;
    services
        .inspect("web", InspectService { insert_defaults })
        .await?;
    let update = UpdateService {
        registry_auth_from: RegistryAuthFrom::PreviousSpec,
        rollback: true,
    };
    services.update("web", SEVEN, spec, update, Some(&auth)).await?;
    services.logs("web", logs()).await?;
    docker.tasks().logs("t1", logs()).await?;
    let filters = filters::tasks();
    docker.tasks().list(ListTasks { filters }).await.map(drop)
}

fn logs() -> ReadTaskLogs {
    ReadTaskLogs {
        follow: true,
        stdout: true,
        stderr: true,
        since: Some(Timestamp::new(1, 0)),
        timestamps: true,
        tail: Some(1),
        details: true,
    }
}

pub(super) async fn nodes(docker: &Docker) -> Result<()> {
    let nodes = docker.nodes();
    let filters = filters::nodes();
    nodes.list(ListNodes { filters }).await?;
    nodes.remove("n1", RemoveNode { force: true }).await?;
    nodes.update("n1", SEVEN, full::<NodeSpec>("NodeSpec")).await
}

pub(super) async fn data(docker: &Docker) -> Result<()> {
    let filters = filters::secrets();
    docker.secrets().list(ListSecrets { filters }).await?;
    docker.secrets().update("s1", SEVEN, full("SecretSpec")).await?;
    let filters = filters::configs();
    docker.configs().list(ListConfigs { filters }).await?;
    docker.configs().update("c1", SEVEN, full("ConfigSpec")).await
}
