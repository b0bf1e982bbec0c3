//! Ports of containers.

use engine_api::containers::{ListContainers, PortBinding};
use engine_api::{Docker, Result};

use super::{UNTIL_TOLD, remove, shell, started};

/// A port that the engine chooses on all addresses, one on the loopback address, and one that is
/// not published.
pub async fn published(docker: Docker) -> Result<()> {
    let mut container = shell("published", UNTIL_TOLD);
    let here = PortBinding {
        host_ip: "127.0.0.1".into(),
        ..Default::default()
    };
    container.exposed_ports = ["82/tcp".into()].into();
    container.host_config.port_bindings = [
        ("80/tcp".into(), vec![PortBinding::default()]),
        ("81/udp".into(), vec![here]),
    ]
    .into();
    let id = started(&docker, container).await?;

    let inspected = docker.containers().inspect(&id, Default::default()).await?;
    let everywhere = inspected.endpoint("80").unwrap();
    assert_eq!(everywhere.host, "127.0.0.1");
    assert_eq!(inspected.endpoint("80/tcp"), Some(everywhere.clone()));
    let here = inspected.endpoint("81/udp").unwrap();
    assert_eq!(
        (here.host.as_str(), inspected.endpoint_v6("81/udp")),
        ("127.0.0.1", None)
    );
    assert_eq!((inspected.endpoint("81"), inspected.endpoint("82")), (None, None));

    let mut options = ListContainers::default();
    options.filters.id = [id.clone()].into();
    let listed = docker.containers().list(options).await?;
    let ports: Vec<_> = listed[0]
        .ports
        .iter()
        .filter(|port| port.private_port == 80)
        .collect();
    assert!(
        ports.iter().any(|port| port.public_port == Some(everywhere.port)),
        "{ports:?}"
    );
    remove(&docker, &id).await
}
