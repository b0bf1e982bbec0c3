//! Fields and parameters that were added, removed or changed from 1.41 to 1.56, where the tables
//! cannot express it. There is one test for each change.

use engine_api::containers::{Container, CreateContainer, EndpointSettings, UpdateContainer};
use engine_api::images::{
    BuildCacheFilters, Image, ImageSummary, ListAttestations, ListImages, Progress, PruneBuildCache,
};
use engine_api::networks::{ConnectNetwork, CreateNetwork};
use engine_api::system::{DiskUsage, Info};
use engine_api::tasks::ResourceRequirements;
use engine_api::volumes::PruneVolumes;
use engine_api::{Docker, ErrorKind, Result, Version, from_json};
use fake_engine::scripted::ScriptedEngine;
use serde_json::{Value, json};
use tests::chain;

use super::calls::engine;

/// An engine, and a client that uses version `1.minor`.
fn speaking(minor: u16) -> (ScriptedEngine, Docker) {
    let fake = engine();
    let docker = fake.client().with_version(Version::new(1, minor));
    (fake, docker)
}

/// Whether a call was rejected as too new, before it sent anything.
fn refused<T: std::fmt::Debug>(fake: &ScriptedEngine, outcome: &Result<T>) -> bool {
    let too_new = |error: &engine_api::Error| error.kind() == ErrorKind::NeedsApi;
    outcome.as_ref().is_err_and(too_new) && fake.requests().is_empty()
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    from_json(value.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn api_1_42_volume_prune_keeps_named_volumes() {
    let all = PruneVolumes {
        all: true,
        ..Default::default()
    };
    let (older, docker) = speaking(41);
    assert!(refused(&older, &docker.volumes().prune(all.clone()).await));
    let (newer, docker) = speaking(42);
    docker.volumes().prune(all).await.unwrap();
    docker.volumes().prune(PruneVolumes::default()).await.unwrap();
    let all = "POST /v1.42/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D";
    assert_eq!(newer.requests(), [all, "POST /v1.42/volumes/prune"]);
}

#[tokio::test]
async fn api_1_42_rejects_a_kernel_memory_limit() {
    let mut create = CreateContainer {
        image: "busybox".into(),
        ..Default::default()
    };
    create.host_config.kernel_memory = 7;
    create.host_config.kernel_memory_tcp = 7;
    let (_older, docker) = speaking(41);
    docker.containers().create(create.clone()).await.unwrap();
    let (newer, docker) = speaking(52);
    let outcome = docker.containers().create(create).await;
    assert!(refused(&newer, &outcome));
    let message = chain(&outcome.unwrap_err());
    let wanted =
        "API 1.41 was the last version with HostConfig::kernel_memory, but the version in use is 1.52";
    assert!(message.contains(wanted), "{message}");
}

#[test]
fn api_1_43_untagged_image_has_no_repo_tags() {
    let names = |names: Value| read::<ImageSummary>(&json!({ "RepoTags": names })).repo_tags;
    assert_eq!(names(json!(["<none>:<none>"])), ["<none>:<none>"]);
    assert!(names(json!([])).is_empty() && names(Value::Null).is_empty());
}

#[tokio::test]
async fn api_1_44_create_takes_several_networks() {
    let mut create = CreateContainer {
        image: "busybox".into(),
        ..Default::default()
    };
    for name in ["a", "b"] {
        let endpoints = &mut create.networking_config.endpoints_config;
        endpoints.insert(name.into(), EndpointSettings::default());
    }
    let (older, docker) = speaking(43);
    assert!(refused(&older, &docker.containers().create(create.clone()).await));
    let (_newer, docker) = speaking(44);
    docker.containers().create(create).await.unwrap();
}

#[test]
fn api_1_44_image_has_no_virtual_size() {
    let older: Image = read(&json!({ "VirtualSize": 7, "Created": "2024-01-01T00:00:00Z" }));
    assert_eq!(older.virtual_size, Some(7));
    let newer: Image = read(&json!({ "Id": "sha256:1" }));
    assert_eq!((newer.virtual_size, newer.created.as_str()), (None, ""));
}

#[tokio::test]
async fn api_1_43_network_create_checks_duplicate_names() {
    let (fake, docker) = speaking(43);
    let create = CreateNetwork {
        name: "net".into(),
        ..Default::default()
    };
    docker.networks().create(create).await.unwrap();
    let body: Value = serde_json::from_slice(&fake.received()[0].body).unwrap();
    assert_eq!(body, json!({ "Name": "net", "CheckDuplicate": true }));
}

#[test]
fn api_1_45_image_has_no_container_but_dns_names() {
    let older: Image = read(&json!({ "Container": "c", "ContainerConfig": { "Image": "i" } }));
    assert_eq!(
        (
            older.container.as_str(),
            older.container_config.unwrap().image.as_str()
        ),
        ("c", "i")
    );
    let newer: Image = read(&json!({ "Config": { "Cmd": ["sh"] } }));
    assert_eq!((newer.container.as_str(), newer.container_config), ("", None));
    let endpoint: EndpointSettings = read(&json!({ "Aliases": null, "DNSNames": ["web", "0123456789ab"] }));
    assert!(endpoint.aliases.is_empty());
    assert_eq!(endpoint.dns_names, ["web", "0123456789ab"]);
}

#[tokio::test]
async fn api_1_48_network_can_disable_ipv4() {
    let create = CreateNetwork {
        name: "net".into(),
        enable_ipv4: Some(false),
        ..Default::default()
    };
    let (older, docker) = speaking(47);
    assert!(refused(&older, &docker.networks().create(create.clone()).await));
    let (_newer, docker) = speaking(48);
    docker.networks().create(create).await.unwrap();
}

#[tokio::test]
async fn api_1_48_build_prune_renames_keep_storage() {
    for minor in [41, 48, 56] {
        let (fake, docker) = speaking(minor);
        let prune = PruneBuildCache {
            reserved_space: Some(7),
            filters: BuildCacheFilters::default(),
            ..Default::default()
        };
        docker.images().prune_cache(prune).await.unwrap();
        let target = format!("POST /v1.{minor}/build/prune?keep-storage=7&reserved-space=7");
        assert_eq!(fake.requests(), [target]);
    }
}

#[test]
fn api_1_49_info_has_no_expected_commits() {
    let older: Info = read(&json!({ "RuncCommit": { "ID": "a", "Expected": "b" } }));
    let newer: Info = read(&json!({ "RuncCommit": { "ID": "a" } }));
    assert_eq!(
        (older.runc_commit.id.as_str(), newer.runc_commit.id.as_str()),
        ("a", "a")
    );
    assert_eq!(
        (
            older.runc_commit.expected.as_str(),
            newer.runc_commit.expected.as_str()
        ),
        ("b", "")
    );
    for failed in [
        json!({ "error": "no" }),
        json!({ "errorDetail": { "message": "no" } }),
    ] {
        assert_eq!(read::<Progress>(&failed).failure(), Some(("no", None)));
    }
}

#[test]
fn api_1_50_image_config_has_no_container_fields() {
    let config = json!({ "Hostname": "h", "AttachStdin": true, "Tty": true, "Image": "i", "Cmd": ["sh"] });
    let older: Image = read(&json!({ "Config": config }));
    let newer: Image = read(&json!({ "Config": { "Cmd": ["sh"] } }));
    let (older, newer) = (older.config.unwrap(), newer.config.unwrap());
    assert!(older.attach_stdin && older.tty && !newer.attach_stdin && !newer.tty);
    assert_eq!((older.cmd, older.hostname.as_str()), (newer.cmd, "h"));
    let engine: Info = read(&json!({ "BridgeNfIptables": true }));
    assert!(engine.bridge_nf_iptables && !read::<Info>(&json!({})).bridge_nf_iptables);
}

#[test]
fn api_1_52_addresses_are_those_of_the_networks() {
    let networks = json!({ "bridge": { "IPAddress": "172.17.0.2" } });
    let older: Container = read(&json!({
        "NetworkSettings": { "IPAddress": "172.17.0.2", "Networks": networks },
        "GraphDriver": { "Name": "overlay2", "Data": null },
    }));
    let newer: Container = read(&json!({
        "NetworkSettings": { "Networks": networks },
        "Storage": { "RootFS": { "Snapshot": { "Name": "overlayfs" } } },
    }));
    assert_eq!(older.network_settings.networks, newer.network_settings.networks);
    assert_eq!(
        (
            older.network_settings.ip_address.as_str(),
            newer.network_settings.ip_address.as_str()
        ),
        ("172.17.0.2", "")
    );
    assert_eq!(
        (older.graph_driver.unwrap().name.as_str(), older.storage),
        ("overlay2", None)
    );
    let snapshot = newer
        .storage
        .and_then(|storage| storage.root_fs?.snapshot)
        .unwrap();
    assert_eq!((snapshot.name.as_str(), newer.graph_driver), ("overlayfs", None));
}

#[test]
fn api_1_52_disk_usage_has_summaries() {
    let usage: DiskUsage = read(&json!({
        "Images": [{ "Id": "a" }],
        "ImageUsage": { "ActiveCount": 1, "TotalCount": 2, "Reclaimable": 3, "TotalSize": 4 },
    }));
    let images = usage.image_usage.unwrap();
    assert_eq!(
        (usage.images.len(), images.total_count, images.items.len()),
        (1, 2, 0)
    );
}

#[test]
fn api_1_52_service_swap_null_and_zero_differ() {
    for (given, written) in [(None, json!(null)), (Some(0), json!(0)), (Some(-1), json!(-1))] {
        let resources: ResourceRequirements =
            read(&json!({ "SwapBytes": written, "MemorySwappiness": written }));
        assert_eq!(
            (resources.swap_bytes, resources.memory_swappiness),
            (given, given)
        );
    }
}

#[tokio::test]
async fn api_1_54_adds_image_identity_and_endpoint_mac() {
    let alone = ListImages {
        identity: true,
        ..Default::default()
    };
    let (fake, docker) = speaking(56);
    let outcome = docker.images().list(alone.clone()).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(fake.requests().is_empty());
    let both = ListImages {
        manifests: true,
        ..alone
    };
    docker.images().list(both.clone()).await.unwrap();
    let mut connect = ConnectNetwork {
        container: "web".into(),
        ..Default::default()
    };
    connect.endpoint_config.mac_address = "02:00:00:00:00:01".into();
    docker.networks().connect("net", connect.clone()).await.unwrap();

    let (older, docker) = speaking(53);
    assert!(refused(&older, &docker.images().list(both).await));
    assert!(refused(&older, &docker.networks().connect("net", connect).await));
}

#[tokio::test]
async fn api_1_55_adds_attestations_and_blkio_update() {
    let update = UpdateContainer {
        blkio_device_read_bps: Some(Vec::new()), // an empty list removes the limits
        ..Default::default()
    };
    let (older, docker) = speaking(54);
    let images = docker.images();
    assert!(refused(
        &older,
        &images.attestations("a", ListAttestations::default()).await
    ));
    assert!(refused(
        &older,
        &docker.containers().update("web", update.clone()).await
    ));

    let (newer, docker) = speaking(55);
    docker
        .images()
        .attestations("a", ListAttestations::default())
        .await
        .unwrap();
    docker.containers().update("web", update).await.unwrap();
    docker
        .containers()
        .update("web", UpdateContainer::default())
        .await
        .unwrap();
    let bodies: Vec<Vec<u8>> = newer
        .received()
        .into_iter()
        .skip(1)
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [&br#"{"BlkioDeviceReadBps":[]}"#[..], b"{}"]);
}
