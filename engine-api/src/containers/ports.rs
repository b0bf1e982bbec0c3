//! Ports: published by a container's configuration, and as replies show them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Container;
use crate::wire::json::open_enum;

/// From a container's port (`80/tcp`) to where it is published; an empty list is "exposed only".
/// Definition `PortMap`.
pub type PortMap = BTreeMap<String, Vec<PortBinding>>;

/// Where on the host a container's port is published. Definition `PortBinding`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortBinding {
    /// The host's address; empty is all of them.
    pub host_ip: String,
    /// The host's port, or a range of them; empty or `0` lets the engine choose.
    pub host_port: String,
}

impl Container {
    /// Where a published port is reached over IPv4 on the engine's own machine; `None` when it is not
    /// published, or over IPv6 alone.
    ///
    /// `port` is `80`, which is TCP, or `80/udp`. Address and port come from one binding, for an engine may
    /// choose another port for IPv6. One on all addresses becomes the loopback's; for an engine on another
    /// machine, take that machine's address and this port.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// let web = docker.containers().inspect("web", Default::default()).await?;
    /// if let Some(endpoint) = web.endpoint("80") {
    ///     println!("http://{endpoint}/");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn endpoint(&self, port: &str) -> Option<SocketAddr> {
        self.endpoints(port).find(SocketAddr::is_ipv4)
    }

    /// As [`Container::endpoint`], over IPv6.
    pub fn endpoint_v6(&self, port: &str) -> Option<SocketAddr> {
        self.endpoints(port).find(SocketAddr::is_ipv6)
    }

    fn endpoints(&self, port: &str) -> impl Iterator<Item = SocketAddr> {
        let ports = &self.network_settings.ports;
        let bindings = ports.get(port).or_else(|| ports.get(&format!("{port}/tcp")));
        bindings.into_iter().flatten().filter_map(PortBinding::endpoint)
    }
}

impl PortBinding {
    /// `None` for what is no single port, or no address.
    fn endpoint(&self) -> Option<SocketAddr> {
        let port = self.host_port.parse().ok().filter(|port| *port != 0)?;
        let ip = match self.host_ip.as_str() {
            "" => Ipv4Addr::UNSPECIFIED.into(), // what Podman says for all of them
            text => text.parse::<IpAddr>().ok()?,
        };
        let ip = match ip {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, port))
    }
}

/// A port in a list of containers. Definition `PortSummary` (`Port` until API 1.51).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct PortSummary {
    /// The host's address that the port is published on; empty when it is not.
    #[serde(rename = "IP")]
    pub ip: String,
    /// The port inside the container.
    pub private_port: u16,
    /// The port on the host; `None` when it is not published.
    pub public_port: Option<u16>,
    /// The protocol.
    #[serde(rename = "Type")]
    pub protocol: PortProtocol,
}

/// What a port speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PortProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// A protocol this crate does not know.
    Other(String),
}

open_enum!(PortProtocol {
    Tcp = "tcp",
    Udp = "udp",
    Sctp = "sctp",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    fn container(bindings: &str) -> Container {
        let text = format!(r#"{{"NetworkSettings":{{"Ports":{{"80/tcp":{bindings},"53/udp":null}}}}}}"#);
        decode(text.as_bytes()).unwrap()
    }

    fn endpoints(bindings: &str) -> [Option<String>; 2] {
        let container = container(bindings);
        [container.endpoint("80"), container.endpoint_v6("80")].map(|one| one.map(|one| one.to_string()))
    }

    #[test]
    fn address_and_port_come_from_one_binding() {
        let both = r#"[{"HostIp":"::","HostPort":"5002"},{"HostIp":"0.0.0.0","HostPort":"5001"}]"#;
        let is = |v4: &str, v6: &str| [Some(v4.to_owned()), Some(v6.to_owned())];
        assert_eq!(endpoints(both), is("127.0.0.1:5001", "[::1]:5002"));
        let own = r#"[{"HostIp":"10.0.0.1","HostPort":"1"},{"HostIp":"fd00::1","HostPort":"2"}]"#;
        assert_eq!(endpoints(own), is("10.0.0.1:1", "[fd00::1]:2"));
    }

    #[test]
    fn a_port_is_named_as_the_docker_command_does() {
        let container = container(r#"[{"HostIp":"","HostPort":"5001"}]"#);
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 5001)));
        assert_eq!(container.endpoint("80"), expected);
        assert_eq!(container.endpoint("80/tcp"), expected);
        assert_eq!(container.endpoint("80/udp"), None);
        assert_eq!(container.endpoint("53/udp"), None);
        assert_eq!(container.endpoint_v6("80"), None);
    }

    #[test]
    fn what_is_no_single_port_is_none() {
        for bindings in [
            "null",
            "[]",
            r#"[{"HostIp":"0.0.0.0","HostPort":""}]"#,
            r#"[{"HostIp":"0.0.0.0","HostPort":"0"}]"#,
            r#"[{"HostIp":"0.0.0.0","HostPort":"1-2"}]"#,
            r#"[{"HostIp":"localhost","HostPort":"1"}]"#,
        ] {
            assert_eq!(endpoints(bindings), [None, None], "{bindings}");
        }
    }
}
