//! Publishing ports, and finding where they are published.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::create::CreateContainer;
use super::host_config::HostConfig;
use super::inspect::Container;
use super::ports::PortBinding;
use crate::common::Port;

impl HostConfig {
    /// Publishes a container's port on the host, as [`CreateContainer::publish`] does.
    #[must_use]
    pub fn publish(mut self, port: impl Into<Port>, host: impl Into<PortBinding>) -> Self {
        self.port_bindings
            .entry(port.into())
            .or_default()
            .push(host.into());
        self
    }
}

impl CreateContainer {
    /// Publishes a container's port on the host: first the port inside the container, then the
    /// host's.
    ///
    /// A host port alone is published on all addresses of the host; 0 lets the engine choose a
    /// port, which [`Container::endpoint`] returns after the start.
    ///
    /// ```
    /// use engine_api::containers::CreateContainer;
    ///
    /// let web = CreateContainer { image: "nginx".into(), ..Default::default() }
    ///     .publish(80, 8080)
    ///     .publish(443, ("127.0.0.1", 0))
    ///     .publish("53/udp", 5353);
    /// assert_eq!(web.host_config.port_bindings["80/tcp"][0].host_port, "8080");
    /// ```
    #[must_use]
    pub fn publish(mut self, port: impl Into<Port>, host: impl Into<PortBinding>) -> Self {
        self.host_config = self.host_config.publish(port, host);
        self
    }
}

impl Container {
    /// Returns the IPv4 address of a published port, as seen on the engine's own machine; `None` if
    /// the port is not published, or over IPv6 only.
    ///
    /// `port` is a number, which is a TCP port, or a string such as `53/udp`. Address and port come
    /// from one binding, because an engine may choose another port for IPv6. "All addresses"
    /// becomes the loopback address; for an engine on another machine, use that machine's address
    /// with this port.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// let web = docker.containers().inspect("web", Default::default()).await?;
    /// if let Some(endpoint) = web.endpoint(80) {
    ///     println!("http://{endpoint}/");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn endpoint(&self, port: impl Into<Port>) -> Option<SocketAddr> {
        self.endpoints(&port.into()).find(SocketAddr::is_ipv4)
    }

    /// As [`Container::endpoint`], for IPv6.
    pub fn endpoint_v6(&self, port: impl Into<Port>) -> Option<SocketAddr> {
        self.endpoints(&port.into()).find(SocketAddr::is_ipv6)
    }

    fn endpoints(&self, port: &Port) -> impl Iterator<Item = SocketAddr> {
        let bindings = self.network_settings.ports.get(port);
        bindings.into_iter().flatten().filter_map(PortBinding::endpoint)
    }
}

impl PortBinding {
    /// `None` for a range of ports, and for an invalid address.
    fn endpoint(&self) -> Option<SocketAddr> {
        let port = self.host_port.parse().ok().filter(|port| *port != 0)?;
        let ip = match self.host_ip.as_str() {
            "" => Ipv4Addr::UNSPECIFIED.into(), // Podman's form of "all addresses"
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
    fn endpoint_takes_address_and_port_of_one_binding() {
        let both = r#"[{"HostIp":"::","HostPort":"5002"},{"HostIp":"0.0.0.0","HostPort":"5001"}]"#;
        let is = |v4: &str, v6: &str| [Some(v4.to_owned()), Some(v6.to_owned())];
        assert_eq!(endpoints(both), is("127.0.0.1:5001", "[::1]:5002"));
        let own = r#"[{"HostIp":"10.0.0.1","HostPort":"1"},{"HostIp":"fd00::1","HostPort":"2"}]"#;
        assert_eq!(endpoints(own), is("10.0.0.1:1", "[fd00::1]:2"));
    }

    #[test]
    fn endpoint_accepts_the_forms_of_a_port() {
        let container = container(r#"[{"HostIp":"","HostPort":"5001"}]"#);
        let expected = Some(SocketAddr::from(([127, 0, 0, 1], 5001)));
        assert_eq!(container.endpoint(80), expected);
        assert_eq!(container.endpoint("80"), expected);
        assert_eq!(container.endpoint("80/tcp"), expected);
        assert_eq!(container.endpoint("80/udp"), None);
        assert_eq!(container.endpoint("53/udp"), None);
        assert_eq!(container.endpoint_v6("80"), None);
    }

    #[test]
    fn endpoint_is_none_for_a_range_of_ports() {
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
