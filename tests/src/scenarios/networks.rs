//! Networks.

use engine_api::containers::EndpointSettings;
use engine_api::networks::{
    ConnectNetwork, CreateNetwork, DisconnectNetwork, IpamConfig, ListNetworks, NetworkOrigin, NetworkScope,
    PruneNetworks,
};
use engine_api::{Docker, ErrorKind, Result};

use super::{UNTIL_TOLD, has_written, remove, shell, started};

fn network(name: &str) -> CreateNetwork {
    CreateNetwork {
        name: format!("ptest_{name}"),
        labels: [("ptest", name)].into(),
        ..Default::default()
    }
}

fn subnet(subnet: &str, gateway: &str) -> IpamConfig {
    IpamConfig {
        subnet: subnet.into(),
        gateway: gateway.into(),
        ..Default::default()
    }
}

/// Creates a network with addresses of its own, lists, inspects and removes it.
pub async fn lifecycle(docker: Docker) -> Result<()> {
    let networks = docker.networks();
    let mut wanted = network("network");
    wanted.internal = true;
    wanted.ipam.config.push(subnet("10.213.7.0/24", "10.213.7.1"));
    let created = networks.create(wanted.clone()).await?;
    assert_eq!((created.id.len(), created.warning.as_str()), (64, ""));
    let twice = networks.create(wanted).await.unwrap_err();
    assert!(twice.is_conflict(), "{twice}");

    let inspected = networks.inspect(&created.id, Default::default()).await?;
    assert_eq!(
        (inspected.name.as_str(), &inspected.id),
        ("ptest_network", &created.id)
    );
    assert_eq!(
        (&inspected.scope, inspected.driver.as_str()),
        (&NetworkScope::Local, "bridge")
    );
    assert!(inspected.internal && inspected.containers.is_empty());
    assert_eq!(inspected.ipam.config[0].subnet, "10.213.7.0/24");

    let options = ListNetworks {
        label: ["ptest=network"].into(),
        driver: ["bridge"].into(),
        ..Default::default()
    };
    let listed = networks.list(options.clone()).await?;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0].id, &listed[0].labels),
        (&created.id, &inspected.labels)
    );

    let builtin = ListNetworks {
        origin: NetworkOrigin::Builtin,
        ..Default::default()
    };
    match networks.list(builtin).await {
        // Podman does not know this filter.
        Err(error) => assert_eq!(error.status(), Some(500), "{error}"),
        Ok(listed) => assert!(listed.len() == 3 && listed.iter().all(|one| one.id != created.id)),
    }

    networks.remove("ptest_network").await?;
    assert_eq!(networks.list(options).await?, []);
    let gone = networks
        .inspect(&created.id, Default::default())
        .await
        .unwrap_err();
    assert!(gone.is_not_found(), "{gone}");
    Ok(())
}

/// Connects a running container to a network and disconnects it.
pub async fn connect(docker: Docker) -> Result<()> {
    let networks = docker.networks();
    let mut wanted = network("joined");
    // The subnet depends on those that the engine has used before.
    wanted.ipam.config.push(subnet("10.213.8.0/24", "10.213.8.1"));
    networks.create(wanted).await?;
    let id = started(&docker, shell("joiner", UNTIL_TOLD)).await?;
    has_written(&docker, &id, "ready").await?;
    let join = ConnectNetwork {
        container: id.clone(),
        endpoint_config: EndpointSettings {
            aliases: ["friend"].into(),
            ..Default::default()
        },
    };
    networks.connect("ptest_joined", join.clone()).await?;
    let twice = networks.connect("ptest_joined", join).await.unwrap_err();
    assert!(twice.is_forbidden(), "{twice}");

    let inspected = networks.inspect("ptest_joined", Default::default()).await?;
    let place = &inspected.containers[&id];
    assert_eq!(place.name, "ptest_joiner");
    let container = docker.containers().inspect(&id, Default::default()).await?;
    let settings = container.network_settings;
    let endpoint = &settings.networks["ptest_joined"];
    assert!(endpoint.aliases.contains(&"friend".to_owned()), "{endpoint:?}");
    assert!(place.ipv4_address.starts_with(&endpoint.ip_address), "{place:?}");

    // Docker replies 403, Podman 500.
    let used = networks.remove("ptest_joined").await.unwrap_err();
    assert!(used.is_forbidden() || used.status() == Some(500), "{used}");

    let leave = DisconnectNetwork {
        container: id.clone(),
        force: true,
    };
    networks.disconnect("ptest_joined", leave).await?;
    let leave = DisconnectNetwork {
        container: id.clone(),
        force: false,
    };
    let twice = networks.disconnect("ptest_joined", leave).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Api, "{twice}");
    let inspected = networks.inspect("ptest_joined", Default::default()).await?;
    assert!(inspected.containers.is_empty());
    remove(&docker, &id).await?;
    networks.remove("ptest_joined").await
}

/// Prunes unused networks by label.
pub async fn prune(docker: Docker) -> Result<()> {
    docker.networks().create(network("unused")).await?;
    let options = PruneNetworks {
        label: ["ptest=unused"].into(),
        ..Default::default()
    };
    let pruned = docker.networks().prune(options.clone()).await?;
    assert_eq!(pruned.networks_deleted, ["ptest_unused"]);
    let nothing = docker.networks().prune(options).await?;
    assert!(nothing.networks_deleted.is_empty());
    Ok(())
}

/// Rejected calls, each with the kind of its error.
pub async fn refusals(docker: Docker) -> Result<()> {
    let networks = docker.networks();
    let missing = networks.remove("ptest_nothing").await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    let unnamed = networks.connect("bridge", ConnectNetwork::default()).await;
    assert_eq!(unnamed.unwrap_err().kind(), ErrorKind::InvalidInput);

    // Podman accepts this name for its default network, and replies 500.
    let predefined = networks.remove("bridge").await.unwrap_err();
    assert!(
        predefined.is_forbidden() || predefined.status() == Some(500),
        "{predefined}"
    );
    let unknown = ConnectNetwork {
        container: "ptest_nothing".into(),
        ..Default::default()
    };
    let missing = networks.connect("bridge", unknown).await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");
    Ok(())
}
