//! Publishes the ports of a specification.

use std::net::{IpAddr, Ipv4Addr};

use engine_api::Docker;
use engine_api::connect::Address;
use engine_api::containers::{CreateContainer, PortBinding};

use crate::error::{Error, Result};
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
/// addresses of a machine from which this one could not reach a loopback address. `host` is the
/// host of published ports, if the settings name one.
pub(super) fn default_address(docker: &Docker, host: Option<&str>) -> IpAddr {
    match host.map_or_else(|| is_local(docker), is_loopback) {
        true => Ipv4Addr::LOCALHOST.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Rejects a text that is neither a host name nor an IP address.
pub(super) fn check_host(host: &str) -> Result<()> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && label.chars().all(of_name);
    let is_ip = host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_unspecified());
    let is_name =
        host.len() <= 253 && host.split('.').all(label) && host.contains(|c: char| c.is_ascii_alphabetic());
    match is_ip || is_name {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{host:?} is not a host; write a name or an IP address, without a port, such as docker.test or \
             192.0.2.7"
        ))),
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
pub(super) fn is_here(address: &Address) -> bool {
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
    fn host_of_ports_is_a_name_or_an_address() {
        for host in ["localhost", "docker.test", "192.0.2.7", "fd00::7", "dind_1"] {
            check_host(host).unwrap();
        }
        for host in [
            "", "a b", "http://x", "x:80", "0.0.0.0", "[::1]", "1.2.3", "-x", "x/y",
        ] {
            check_host(host).unwrap_err();
        }
        assert!(is_loopback("localhost") && is_loopback("127.0.0.2") && !is_loopback("docker.test"));
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
