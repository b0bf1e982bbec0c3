//! A swarm of one engine, from creation to the end; its secrets, configs and volumes.

use std::time::Duration;

use engine_api::configs::{ConfigFilters, ConfigSpec, ListConfigs};
use engine_api::nodes::{ListNodes, NodeFilters, NodeRole, NodeState, RemoveNode};
use engine_api::secrets::{ListSecrets, SecretFilters, SecretSpec};
use engine_api::swarm::{InitSwarm, JoinSwarm, LeaveSwarm, ObjectVersion, UnlockKey, UpdateSwarm};
use engine_api::volumes::{
    AccessMode, AccessScope, AccessSharing, ClusterVolumeSpec, CreateVolume, MountVolume, RemoveVolume,
    UpdateVolume, VolumeAvailability, VolumeScope,
};
use engine_api::{Docker, ErrorKind, Result, Version};

use super::is_podman;

/// A version that is never the current one: creating a swarm already takes several.
pub(super) const STALE: ObjectVersion = ObjectVersion { index: 1 };

/// Creates a swarm, runs `body`, and leaves the swarm in any case. Podman does not support swarms,
/// and the scenario ends there.
pub(super) async fn in_swarm<F>(docker: Docker, body: impl FnOnce(Docker) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let swarm = InitSwarm {
        listen_addr: "127.0.0.1:2377".into(),
        advertise_addr: "127.0.0.1".into(),
        ..Default::default()
    };
    let node = match docker.swarm().init(swarm).await {
        Err(error) if error.status() == Some(503) && is_podman(&docker).await? => return Ok(()),
        made => made?,
    };
    assert_eq!(node.len(), 25, "{node}");
    // In a task, so that a failed assertion does not leave the engine in the swarm.
    let outcome = tokio::spawn(body(docker.clone())).await;
    let left = leave(&docker).await;
    match outcome {
        Ok(outcome) => outcome.and(left),
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

async fn leave(docker: &Docker) -> Result<()> {
    docker.swarm().leave(LeaveSwarm { force: true }).await?;
    forget_bridge(docker).await
}

/// Engines create this bridge for a swarm, and do not remove it.
pub(super) async fn forget_bridge(docker: &Docker) -> Result<()> {
    let removed = docker.raw("DELETE", "/networks/docker_gwbridge").send().await?;
    removed.body.collect().await.map(drop)
}

/// Outside a swarm, every call fails with a status that shows it.
pub async fn outside(docker: Docker) -> Result<()> {
    for error in [
        docker.swarm().inspect().await.unwrap_err(),
        docker.swarm().unlockkey().await.unwrap_err(),
        docker.nodes().list(Default::default()).await.unwrap_err(),
        docker.nodes().inspect("ptest_node").await.unwrap_err(),
        docker.configs().list(Default::default()).await.unwrap_err(),
        docker.configs().remove("ptest_config").await.unwrap_err(),
    ] {
        // Podman has some of these routes.
        assert!(error.status() == Some(503) || error.is_unknown_route(), "{error}");
    }
    // Podman has secrets without a swarm.
    if let Err(error) = docker.secrets().list(Default::default()).await {
        assert_eq!(error.status(), Some(503), "{error}");
    }
    Ok(())
}

/// A swarm and its only node, from creation to the end.
pub async fn manage(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let swarm = docker.swarm();
        let before = swarm.inspect().await?;
        assert!(!before.join_tokens.worker.is_empty() && !before.join_tokens.manager.is_empty());
        assert_eq!(before.spec.name, "default");

        let options = UpdateSwarm {
            rotate_worker_token: true,
            ..Default::default()
        };
        let stale = swarm
            .update(STALE, before.spec.clone(), options)
            .await
            .unwrap_err();
        assert!(stale.is_version_conflict(), "{stale}");
        // A new swarm changes by itself.
        loop {
            let mut now = swarm.inspect().await?;
            now.spec.orchestration.task_history_retention_limit = Some(3);
            match swarm.update(now.version, now.spec.clone(), options).await {
                Err(error) if error.is_version_conflict() => {}
                other => break other?,
            }
        }
        let after = swarm.inspect().await?;
        assert_eq!(after.spec.orchestration.task_history_retention_limit, Some(3));

        assert_eq!(swarm.unlockkey().await?, UnlockKey::default());
        let key = UnlockKey {
            unlock_key: "SWMKEY-1-none".into(),
        };
        let open = swarm.unlock(key).await.unwrap_err();
        assert!(open.status().is_some(), "{open}");
        let join = JoinSwarm {
            listen_addr: "127.0.0.1:2377".into(),
            remote_addrs: vec!["127.0.0.1:9".into()],
            join_token: "SWMTKN-1-none".into(),
            ..Default::default()
        };
        let error = swarm.join(join).await.unwrap_err();
        assert_eq!(error.status(), Some(503), "{error}");
        let kept = swarm.leave(LeaveSwarm::default()).await.unwrap_err();
        assert_eq!(kept.status(), Some(503), "{kept}");
        node(&docker).await
    })
    .await
}

async fn node(docker: &Docker) -> Result<()> {
    let nodes = docker.nodes();
    let only_managers = ListNodes {
        filters: NodeFilters {
            role: vec![NodeRole::Manager],
            ..Default::default()
        },
    };
    let listed = nodes.list(only_managers).await?;
    assert_eq!(listed.len(), 1);
    let id = &listed[0].id;
    while nodes.inspect(id).await?.status.state != NodeState::Ready {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stale = nodes.update(id, STALE, listed[0].spec.clone()).await.unwrap_err();
    assert!(stale.is_version_conflict(), "{stale}");
    loop {
        let mut node = nodes.inspect(id).await?;
        assert!(node.manager_status.is_some_and(|manager| manager.leader));
        node.spec.labels.insert("zone".into(), "z1".into());
        match nodes.update(id, node.version, node.spec.clone()).await {
            Err(error) if error.is_version_conflict() => {}
            other => break other?,
        }
    }
    assert_eq!(nodes.inspect(id).await?.spec.labels["zone"], "z1");
    let used = nodes.remove(id, RemoveNode::default()).await.unwrap_err();
    assert!(used.status().is_some(), "{used}");
    assert!(nodes.inspect("ptest_nobody").await.unwrap_err().is_not_found());
    Ok(())
}

/// Creates a secret, lists, labels and removes it. Its data is never shown.
pub async fn secrets(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let secrets = docker.secrets();
        let spec = SecretSpec {
            name: "ptest_secret".into(),
            data: "correct horse battery".into(),
            ..Default::default()
        };
        let id = secrets.create(spec.clone()).await?.id;
        assert!(secrets.create(spec.clone()).await.unwrap_err().is_conflict());
        let mut secret = secrets.inspect("ptest_secret").await?;
        assert_eq!((&secret.id, secret.spec.data.is_empty()), (&id, true));

        let stale = secrets.update(&id, STALE, secret.spec.clone()).await.unwrap_err();
        assert!(stale.is_version_conflict(), "{stale}");
        secret.spec.labels.insert("colour".into(), "blue".into());
        secrets.update(&id, secret.version, secret.spec.clone()).await?;
        let blue = ListSecrets {
            filters: SecretFilters {
                label: ["colour=blue"].into(),
                ..Default::default()
            },
        };
        let listed = secrets.list(blue).await?;
        assert_eq!(listed.len(), 1);
        assert!(listed[0].version > secret.version);
        secrets.remove(&id).await?;
        assert!(secrets.inspect(&id).await.unwrap_err().is_not_found());
        Ok(())
    })
    .await
}

/// Creates a config, lists, labels, reads and removes it.
pub async fn configs(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let configs = docker.configs();
        let spec = ConfigSpec {
            name: "ptest_config".into(),
            data: "listen 80;\n".into(),
            ..Default::default()
        };
        let id = configs.create(spec.clone()).await?.id;
        assert!(configs.create(spec.clone()).await.unwrap_err().is_conflict());
        let mut config = configs.inspect("ptest_config").await?;
        assert_eq!(config.spec.data.as_bytes(), b"listen 80;\n");

        let stale = configs.update(&id, STALE, config.spec.clone()).await.unwrap_err();
        assert!(stale.is_version_conflict(), "{stale}");
        config.spec.labels.insert("colour".into(), "blue".into());
        configs.update(&id, config.version, config.spec.clone()).await?;
        let named = ListConfigs {
            filters: ConfigFilters {
                name: ["ptest_conf"].into(),
                ..Default::default()
            },
        };
        let listed = configs.list(named).await?;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].spec.labels["colour"], "blue");
        configs.remove(&id).await?;
        assert!(configs.inspect(&id).await.unwrap_err().is_not_found());
        Ok(())
    })
    .await
}

/// Creates a volume of the cluster, drains and removes it. No storage plugin creates it, so the
/// swarm has only its specification.
pub async fn volumes(docker: Docker) -> Result<()> {
    in_swarm(docker, |docker| async move {
        let volumes = docker.volumes();
        let volume = CreateVolume {
            name: "ptest_cluster".into(),
            driver: "ptest/storage:1".into(),
            cluster_volume_spec: Some(ClusterVolumeSpec {
                group: "ptest".into(),
                access_mode: Some(AccessMode {
                    scope: AccessScope::Multi,
                    sharing: AccessSharing::All,
                    mount_volume: Some(MountVolume::default()),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        if docker.version().await? < Version::new(1, 42) {
            let error = volumes.create(volume).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NeedsApi, "{error}");
            return Ok(());
        }
        volumes.create(volume).await?;
        let created = volumes.inspect("ptest_cluster").await?;
        assert_eq!(
            (created.driver.as_str(), created.scope),
            ("ptest/storage:1", VolumeScope::Global)
        );
        let cluster = created.cluster_volume.unwrap();
        assert_eq!(cluster.spec.group, "ptest");
        assert_eq!(
            cluster.spec.access_mode.as_ref().unwrap().scope,
            AccessScope::Multi
        );
        let mut update = UpdateVolume {
            version: STALE,
            spec: cluster.spec,
        };
        update.spec.availability = VolumeAvailability::Drain;
        let by_name = volumes.update("ptest_cluster", update.clone()).await.unwrap_err();
        assert!(by_name.is_not_found(), "{by_name}");
        let stale = volumes.update(&cluster.id, update.clone()).await.unwrap_err();
        assert!(stale.is_version_conflict(), "{stale}");
        update.version = cluster.version;
        volumes.update(&cluster.id, update).await?;
        let listed = volumes.list(Default::default()).await?.volumes;
        let listed = listed.into_iter().find(|volume| volume.name == "ptest_cluster");
        let drained = listed.unwrap().cluster_volume.unwrap();
        assert_eq!(drained.spec.availability, VolumeAvailability::Drain);
        assert!(drained.version > cluster.version);
        // Without force, it is there until its plugin has deleted it.
        volumes.remove("ptest_cluster", RemoveVolume::default()).await?;
        volumes.inspect("ptest_cluster").await?;
        volumes
            .remove("ptest_cluster", RemoveVolume { force: true })
            .await?;
        let removed = volumes.inspect("ptest_cluster").await.unwrap_err();
        assert!(removed.is_not_found(), "{removed}");
        Ok(())
    })
    .await
}
