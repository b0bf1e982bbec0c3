//! Services of a swarm of one engine, and their tasks.

use std::time::Duration;

use engine_api::configs::ConfigSpec;
use engine_api::secrets::SecretSpec;
use engine_api::services::{
    EndpointSpec, InspectService, ListServices, ResolutionMode, ServiceFilters, ServiceMode, ServiceSpec,
    UpdateService, UpdateState,
};
use engine_api::tasks::{
    ConfigReference, ContainerSpec, ListTasks, ReadTaskLogs, ReferenceFile, ResourceLimits,
    ResourceRequirements, SecretReference, Task, TaskFilters, TaskSpec, TaskState,
};
use engine_api::{Chunk, Docker, Result};

use super::swarm::{STALE, in_swarm};
use super::{IMAGE, UNTIL_TOLD};

/// A service of one task that runs a shell command.
pub(super) fn service(name: &str, command: &str) -> ServiceSpec {
    let container = ContainerSpec {
        image: IMAGE.into(),
        command: ["sh", "-c", command].map(String::from).to_vec(),
        stop_grace_period: Some(2_000_000_000),
        ..Default::default()
    };
    ServiceSpec {
        name: format!("ptest_{name}"),
        task_template: TaskSpec {
            kind: Some(container.into()),
            ..Default::default()
        },
        mode: ServiceMode::replicated(1),
        // A virtual IP would need a kernel with IPVS.
        endpoint_spec: Some(EndpointSpec {
            mode: ResolutionMode::Dnsrr,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn container(spec: &mut ServiceSpec) -> &mut ContainerSpec {
    spec.task_template.container_mut().unwrap()
}

/// Waits until a task of a service runs whose desired state is running.
async fn running(docker: &Docker, service: &str) -> Result<Task> {
    loop {
        let options = ListTasks {
            filters: TaskFilters {
                service: [service].into(),
                desired_state: vec![TaskState::Running],
                ..Default::default()
            },
        };
        let mut tasks = docker.tasks().list(options).await?.into_iter();
        if let Some(task) = tasks.find(|task| task.status.state == TaskState::Running) {
            return Ok(task);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Reads output until it contains all of `lines`.
async fn read(docker: &Docker, service: &str, lines: &[&str]) -> Result<Vec<Chunk>> {
    let options = ReadTaskLogs {
        follow: true,
        ..Default::default()
    };
    let mut output = docker.services().logs(service, options).await?;
    let (mut text, mut chunks) = (String::new(), Vec::new());
    while !lines.iter().all(|line| text.contains(line)) {
        let Some(chunk) = output.next().await else {
            panic!("{lines:?} are not all in {text:?}")
        };
        let chunk = chunk?;
        text.push_str(&String::from_utf8_lossy(chunk.bytes()));
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// A service with a secret and a config, from creation to removal.
pub async fn lifecycle(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let services = docker.services();
        // Lines of stdout and stderr come in any order.
        let command =
            format!("cat /settings; sleep 0.2; cat /run/secrets/word | wc -c >&2; sleep 0.2; {UNTIL_TOLD}");
        let mut spec = service("web", &command);
        give(&docker, container(&mut spec)).await?;
        let id = services.create(spec.clone(), None).await?.id;
        assert!(services.create(spec, None).await.unwrap_err().is_conflict());

        let task = running(&docker, "ptest_web").await?;
        assert_eq!((task.slot, &task.service_id), (1, &id));
        let inspected = docker.tasks().inspect(&task.id).await?;
        assert!(
            inspected
                .status
                .container_status
                .is_some_and(|status| status.pid > 0)
        );
        let chunks = read(&docker, &id, &["listen 80;", "21", "ready"]).await?;
        let on_stderr = chunks
            .iter()
            .any(|chunk| matches!(chunk, Chunk::Stderr(bytes) if bytes.starts_with(b"21")));
        assert!(on_stderr, "{chunks:?}");
        let (stdout, _) = docker
            .tasks()
            .logs(
                &task.id,
                ReadTaskLogs {
                    stderr: false,
                    ..Default::default()
                },
            )
            .await?
            .collect()
            .await?;
        assert!(stdout.starts_with(b"listen 80;\n"), "{stdout:?}");

        let listed = services
            .list(ListServices {
                filters: ServiceFilters {
                    name: ["ptest_w"].into(),
                    ..Default::default()
                },
                status: true,
            })
            .await?;
        assert_eq!(listed.len(), 1);
        assert!(
            listed[0]
                .service_status
                .is_some_and(|status| status.desired_tasks == 1)
        );
        services.remove("ptest_web").await?;
        let gone = services
            .inspect(&id, InspectService::default())
            .await
            .unwrap_err();
        assert!(gone.is_not_found(), "{gone}");
        Ok(())
    })
    .await
}

/// Creates a secret and a config, and gives both to a container.
async fn give(docker: &Docker, container: &mut ContainerSpec) -> Result<()> {
    let secret = SecretSpec {
        name: "ptest_word".into(),
        data: "correct horse battery".into(),
        ..Default::default()
    };
    let config = ConfigSpec {
        name: "ptest_settings".into(),
        data: "listen 80;\n".into(),
        ..Default::default()
    };
    container.secrets = vec![SecretReference {
        file: Some(ReferenceFile::named("word")),
        secret_id: docker.secrets().create(secret.clone()).await?.id,
        secret_name: secret.name,
    }];
    container.configs = vec![ConfigReference {
        file: Some(ReferenceFile::named("/settings")),
        config_id: docker.configs().create(config.clone()).await?.id,
        config_name: config.name,
        ..Default::default()
    }];
    Ok(())
}

/// Updates: one with an old version, one with a closure, and a rollback.
pub async fn update(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let services = docker.services();
        let id = services.create(service("edit", UNTIL_TOLD), None).await?.id;
        running(&docker, &id).await?;
        let made = services.inspect(&id, InspectService::default()).await?;
        let stale = services
            .update(&id, STALE, made.spec.clone(), UpdateService::default(), None)
            .await
            .unwrap_err();
        assert!(stale.is_version_conflict(), "{stale}");

        services
            .edit(&id, UpdateService::default(), None, |spec| {
                spec.labels.insert("colour".into(), "blue".into());
                spec.mode = ServiceMode::replicated(0);
                spec.task_template.resources = Some(ResourceRequirements {
                    limits: Some(ResourceLimits {
                        pids: 50,
                        ..Default::default()
                    }),
                    ..Default::default()
                });
            })
            .await?;
        let edited = services.inspect(&id, InspectService::default()).await?;
        assert_eq!(edited.spec.labels["colour"], "blue");
        assert_eq!(edited.spec.mode, ServiceMode::replicated(0));
        assert_eq!(edited.previous_spec.unwrap().mode, ServiceMode::replicated(1));

        let back = UpdateService {
            rollback: true,
            ..Default::default()
        };
        services.edit(&id, back, None, |_| {}).await?;
        let whole = InspectService {
            insert_defaults: true,
        };
        let restored = loop {
            let service = services.inspect(&id, whole).await?;
            let status = service.update_status.as_ref();
            if status.is_some_and(|status| status.state == UpdateState::RollbackCompleted) {
                break service;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(restored.spec.mode, ServiceMode::replicated(1));
        assert!(restored.spec.labels.is_empty() && restored.spec.update_config.is_some());
        services.remove(&id).await
    })
    .await
}

/// A service whose containers have terminals: its output is one stream.
pub async fn terminal(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let mut spec = service("tty", &format!("echo both >&2; {UNTIL_TOLD}"));
        container(&mut spec).tty = true;
        let id = docker.services().create(spec.clone(), None).await?.id;
        running(&docker, &id).await?;
        let chunks = read(&docker, &id, &["both", "ready"]).await?;
        let on_console = chunks.iter().all(|chunk| matches!(chunk, Chunk::Terminal(_)));
        assert!(on_console, "{chunks:?}");
        docker.services().remove(&id).await
    })
    .await
}
