//! Publishes the ports of a specification.

use std::net::{IpAddr, Ipv4Addr};

use engine_api::Docker;
use engine_api::connect::Address;
use engine_api::containers::{CreateContainer, PortBinding};

use crate::spec::network::NetworkSpec;

/// Publishes the ports of a specification.
pub(super) fn publish(
    network: &NetworkSpec,
    default: IpAddr,
    mut container: CreateContainer,
) -> CreateContainer {
    for port in &network.ports {
        let binding = PortBinding {
            host_ip: port.address.unwrap_or(default).to_string(),
            // Written out: without a port, some daemons publish nothing.
            host_port: port.host_port.unwrap_or(0).to_string(),
        };
        container = container.publish(format!("{}/{}", port.port, port.protocol), binding);
    }
    container
}

/// The address of the host on which ports are published by default: the loopback address, or all
/// addresses of a machine from which this one could not reach a loopback address.
pub(super) fn default_address(docker: &Docker) -> IpAddr {
    match is_local(docker) {
        true => Ipv4Addr::LOCALHOST.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Whether the daemon runs on this machine, as far as its address shows that.
pub(super) fn is_local(docker: &Docker) -> bool {
    match docker.address().parse::<Address>() {
        Ok(address) => is_here(&address),
        // The address of a connector of the caller's own, such as a recorder.
        Err(_) => true,
    }
}

/// Whether the daemon runs on this machine.
fn is_here(address: &Address) -> bool {
    let text = address.to_string();
    let Some((scheme, rest)) = text.split_once("://") else {
        return true;
    };
    if !matches!(scheme, "tcp" | "http" | "https" | "ssh") {
        return true;
    }
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split('/').next().unwrap_or_default();
    let host = match rest.strip_prefix('[') {
        Some(ip6) => ip6.split(']').next().unwrap_or_default(),
        None => rest.split(':').next().unwrap_or_default(),
    };
    let ip = host.parse::<IpAddr>().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_publishes_on_all_addresses() {
        for (address, here) in [
            ("unix:///var/run/docker.sock", true),
            ("tcp://localhost:2375", true),
            ("tcp://127.0.0.1:2375", true),
            ("tcp://[::1]:2375", true),
            ("tcp://docker:2375", false),
            ("tcp://10.0.0.5:2375", false),
            ("tcp://[fd00::5]:2375", false),
        ] {
            let address: Address = address.parse().unwrap();
            assert_eq!(is_here(&address), here, "{address}");
        }
    }

    #[test]
    fn ports_become_bindings_on_one_address() {
        let network = NetworkSpec {
            ports: vec![80.into(), "0.0.0.0:5353:53/udp".parse().unwrap()],
            ..NetworkSpec::default()
        };
        let made = publish(&network, Ipv4Addr::LOCALHOST.into(), CreateContainer::default());
        let binding = |port: &str| {
            let binding = &made.host_config.port_bindings[port][0];
            format!("{}:{}", binding.host_ip, binding.host_port)
        };
        assert_eq!(binding("80/tcp"), "127.0.0.1:0");
        assert_eq!(binding("53/udp"), "0.0.0.0:5353");
    }
}
