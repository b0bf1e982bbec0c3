//! Volumes.

use std::time::Duration;

use engine_api::containers::{HostConfig, Mount, MountType};
use engine_api::volumes::{
    ClusterVolumeSpec, CreateVolume, ListVolumes, PruneVolumes, RemoveVolume, UpdateVolume, Volume,
    VolumeAvailability, VolumeScope,
};
use engine_api::{Docker, ErrorKind, Result, Version};

use super::{remove, shell};

async fn made(docker: &Docker, name: &str) -> Result<Volume> {
    let volume = CreateVolume {
        name: format!("ptest_{name}"),
        labels: [("ptest", name)].into(),
        ..Default::default()
    };
    docker.volumes().create(volume).await
}

/// Creates volumes with and without a name, lists, inspects and removes them.
pub async fn lifecycle(docker: Docker) -> Result<()> {
    let volumes = docker.volumes();
    let named = made(&docker, "volume").await?;
    assert_eq!(
        (named.name.as_str(), named.driver.as_str()),
        ("ptest_volume", "local")
    );
    assert_eq!(named.scope, VolumeScope::Local);
    let again = made(&docker, "volume").await?;
    assert_eq!((&again.name, &again.created_at), (&named.name, &named.created_at));
    let inspected = volumes.inspect("ptest_volume").await?;
    assert_eq!(
        (&inspected.labels, &inspected.mountpoint),
        (&named.labels, &named.mountpoint)
    );

    let options = ListVolumes {
        label: ["ptest=volume"].into(),
        ..Default::default()
    };
    let listed = volumes.list(options.clone()).await?;
    let names: Vec<&str> = listed.volumes.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!((names, listed.warnings), (vec!["ptest_volume"], vec![]));

    // The creation time of a volume has whole seconds. Without a pause, both volumes may be created
    // in the same second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let anonymous = volumes.create(CreateVolume::default()).await?;
    assert_eq!(anonymous.name.len(), 64);
    for name in [&anonymous.name, "ptest_volume"] {
        volumes.remove(name, RemoveVolume::default()).await?;
    }
    assert_eq!(volumes.list(options).await?.volumes, []);
    Ok(())
}

/// A volume that a container uses is not removed, with any options.
pub async fn in_use(docker: Docker) -> Result<()> {
    let volumes = docker.volumes();
    made(&docker, "volume_used").await?;
    let mut container = shell("volume_user", "true");
    container.host_config = HostConfig {
        mounts: vec![Mount {
            kind: MountType::Volume,
            source: "ptest_volume_used".into(),
            target: "/data".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let id = docker.containers().create(container).await?.id;
    // One filter at a time: of two, Podman accepts either.
    let used = ListVolumes {
        dangling: Some(false),
        ..Default::default()
    };
    let unused = ListVolumes {
        dangling: Some(true),
        ..Default::default()
    };
    for (options, there) in [(used, true), (unused, false)] {
        let listed = volumes.list(options).await?.volumes;
        let found = listed.iter().any(|volume| volume.name == "ptest_volume_used");
        assert_eq!(found, there, "{listed:?}");
    }
    let refused = volumes.remove("ptest_volume_used", RemoveVolume::default()).await;
    let refused = refused.unwrap_err();
    assert!(refused.is_conflict(), "{refused}");
    assert_eq!(refused.operation(), Some("VolumeDelete"));

    remove(&docker, &id).await?;
    volumes
        .remove("ptest_volume_used", RemoveVolume { force: true })
        .await
}

/// Prunes unused volumes by label. Since API 1.42, Docker prunes named volumes only on request.
pub async fn prune(docker: Docker) -> Result<()> {
    made(&docker, "volume_pruned").await?;
    let podman = docker.system().ping().await?.is_podman();
    let asks = !podman && docker.version().await? >= Version::new(1, 42);
    let mut options = PruneVolumes {
        label: ["ptest=volume_pruned"].into(),
        ..Default::default()
    };
    if asks {
        let pruned = docker.volumes().prune(options.clone()).await?;
        assert!(pruned.volumes_deleted.is_empty(), "{pruned:?}");
        options.all = true;
    }
    let pruned = docker.volumes().prune(options).await?;
    assert_eq!(pruned.volumes_deleted, ["ptest_volume_pruned"]);
    Ok(())
}

/// Rejected calls, each with the kind of its error.
pub async fn refusals(docker: Docker) -> Result<()> {
    let volumes = docker.volumes();
    let missing = volumes.inspect("ptest_nothing").await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let missing = volumes.remove("ptest_nothing", RemoveVolume::default()).await;
    assert!(missing.unwrap_err().is_not_found());

    made(&docker, "volume_fixed").await?;
    let drain = UpdateVolume {
        spec: ClusterVolumeSpec {
            availability: VolumeAvailability::Drain,
            ..Default::default()
        },
        ..Default::default()
    };
    let refused = volumes.update("ptest_volume_fixed", drain).await.unwrap_err();
    if docker.version().await? < Version::new(1, 42) {
        assert_eq!(refused.kind(), ErrorKind::NeedsApi, "{refused}");
    } else {
        // Podman does not support cluster volumes.
        assert!(
            refused.is_unavailable() || refused.status() == Some(405),
            "{refused}"
        );
    }
    volumes
        .remove("ptest_volume_fixed", RemoveVolume::default())
        .await
}
