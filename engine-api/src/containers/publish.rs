//! Publishing ports, and finding where they are published.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::{fmt, io};

use super::create::CreateContainer;
use super::host_config::HostConfig;
use super::inspect::Container;
use super::ports::PortBinding;
use crate::common::Port;

impl HostConfig {
    /// Publishes a container's port on the host, like [`CreateContainer::publish`].
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

/// A host and a port to connect to.
///
/// `Display` writes `host:port`, with brackets around an IPv6 address. [`ToSocketAddrs`] looks the
/// host up; Tokio's functions take `(endpoint.host.as_str(), endpoint.port)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Name or IP address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

impl ToSocketAddrs for HostPort {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.host.as_str(), self.port).to_socket_addrs()
    }
}

impl Container {
    /// Returns the address of a published port, as seen from this machine; `None` if the port is
    /// not published, or cannot be reached from this machine.
    ///
    /// `port` is a number, which is a TCP port, or a string such as `53/udp`. The host is
    ///
    /// * the address that the port is published on, if that is one address;
    /// * otherwise the host in the address of the engine (`tcp://`, `https://`, `ssh://`);
    /// * `127.0.0.1` for an engine behind a socket or pipe of this machine.
    ///
    /// A port that another machine publishes on its loopback address cannot be reached. An alias of
    /// ssh's configuration is returned unchanged. Host and port come from one binding, because an
    /// engine may choose another port for IPv6. It is an IPv4 binding, or an IPv6 binding if the
    /// address of the engine is an IPv6 address.
    ///
    /// The container must come from [`Containers::inspect`](super::Containers::inspect). A
    /// container from [`crate::from_json`] is assumed to run on this machine.
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
    pub fn endpoint(&self, port: impl Into<Port>) -> Option<HostPort> {
        self.endpoints(port).into_iter().next()
    }

    /// Like [`Container::endpoint`], but every address of a port that is published several times.
    pub fn endpoints(&self, port: impl Into<Port>) -> Vec<HostPort> {
        let over_ipv6 = self.engine_host().and_then(ip_of).is_some_and(|ip| ip.is_ipv6());
        let port = port.into();
        let endpoints: Vec<_> = self.reachable(&port, IpAddr::is_ipv4).collect();
        match endpoints.is_empty() && over_ipv6 {
            true => self.reachable(&port, IpAddr::is_ipv6).collect(),
            false => endpoints,
        }
    }

    /// Like [`Container::endpoint`], but only for IPv6 bindings.
    pub fn endpoint_v6(&self, port: impl Into<Port>) -> Option<HostPort> {
        self.reachable(&port.into(), IpAddr::is_ipv6).next()
    }

    /// The reachable bindings on addresses of one family.
    fn reachable(&self, port: &Port, family: fn(&IpAddr) -> bool) -> impl Iterator<Item = HostPort> {
        let bindings = self.network_settings.ports.get(port);
        bindings.into_iter().flatten().filter_map(move |binding| {
            let (ip, port) = binding.socket()?;
            let host = family(&ip).then(|| reachable_host(ip, self.engine_host()))??;
            Some(HostPort { host, port })
        })
    }
}

/// The host at which a port on the address `ip` of an engine can be reached.
fn reachable_host(ip: IpAddr, engine: Option<&str>) -> Option<String> {
    let engine_ip = engine.and_then(ip_of);
    if !ip.is_unspecified() {
        let is_here = match engine {
            None | Some("localhost") => true,
            Some(_) => engine_ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified()),
        };
        return (is_here || !ip.is_loopback()).then(|| ip.to_string());
    }
    match (engine, engine_ip) {
        // A port on all IPv4 addresses is not published on IPv6 addresses.
        (_, Some(engine)) if engine.is_ipv4() != ip.is_ipv4() => None,
        (Some(host), engine_ip) if engine_ip.is_none_or(|engine| !engine.is_unspecified()) => {
            Some(host.to_owned())
        }
        _ if ip.is_ipv4() => Some(Ipv4Addr::LOCALHOST.to_string()),
        _ => Some(Ipv6Addr::LOCALHOST.to_string()),
    }
}

/// The IP address of a host that is an address; an IPv6 address may have a zone.
fn ip_of(host: &str) -> Option<IpAddr> {
    host.split('%').next()?.parse().ok()
}

impl PortBinding {
    /// Address and port; `None` for a range of ports, and for an invalid address.
    fn socket(&self) -> Option<(IpAddr, u16)> {
        let port = self.host_port.parse().ok().filter(|port| *port != 0)?;
        let ip = match self.host_ip.as_str() {
            "" => Ipv4Addr::UNSPECIFIED.into(), // Podman's form of "all addresses"
            text => text.parse().ok()?,
        };
        Some((ip, port))
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

    /// The endpoints of a container of the engine at `host`: IPv4, and IPv6.
    fn endpoints_at(host: Option<&str>, bindings: &str) -> [Option<String>; 2] {
        let container = container(bindings).of_engine(host.map(str::to_owned));
        [container.endpoint("80"), container.endpoint_v6("80")].map(|one| one.map(|one| one.to_string()))
    }

    fn endpoints(bindings: &str) -> [Option<String>; 2] {
        endpoints_at(None, bindings)
    }

    const EVERYWHERE: &str = r#"[{"HostIp":"::","HostPort":"5002"},{"HostIp":"0.0.0.0","HostPort":"5001"}]"#;

    fn is(v4: &str, v6: &str) -> [Option<String>; 2] {
        [v4, v6].map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    #[test]
    fn endpoint_takes_address_and_port_of_one_binding() {
        assert_eq!(endpoints(EVERYWHERE), is("127.0.0.1:5001", "[::1]:5002"));
        let own = r#"[{"HostIp":"10.0.0.1","HostPort":"1"},{"HostIp":"fd00::1","HostPort":"2"}]"#;
        for engine in [None, Some("build-host"), Some("10.0.0.1"), Some("fd00::1")] {
            assert_eq!(endpoints_at(engine, own), is("10.0.0.1:1", "[fd00::1]:2"));
        }
    }

    #[test]
    fn endpoint_has_the_host_of_a_remote_engine() {
        for (engine, v4, v6) in [
            ("build-host", "build-host:5001", "build-host:5002"),
            ("localhost", "localhost:5001", "localhost:5002"),
            ("10.1.2.3", "10.1.2.3:5001", ""),
            ("127.0.0.1", "127.0.0.1:5001", ""),
            ("0.0.0.0", "127.0.0.1:5001", ""),
            ("fd00::5", "[fd00::5]:5002", "[fd00::5]:5002"),
            ("::1", "[::1]:5002", "[::1]:5002"),
            ("::", "[::1]:5002", "[::1]:5002"),
            ("fe80::1%eth0", "[fe80::1%eth0]:5002", "[fe80::1%eth0]:5002"),
        ] {
            assert_eq!(endpoints_at(Some(engine), EVERYWHERE), is(v4, v6), "{engine}");
        }
        let podman = r#"[{"HostIp":"","HostPort":"5001"}]"#;
        assert_eq!(
            endpoints_at(Some("build-host"), podman),
            is("build-host:5001", "")
        );
    }

    #[test]
    fn loopback_of_another_machine_is_not_reachable() {
        let loopback = r#"[{"HostIp":"127.0.0.1","HostPort":"1"},{"HostIp":"::1","HostPort":"2"}]"#;
        for (engine, reachable) in [
            (None, true),
            (Some("localhost"), true),
            (Some("127.0.0.2"), true),
            (Some("::1"), true),
            (Some("build-host"), false),
            (Some("10.1.2.3"), false),
            (Some("fd00::5"), false),
        ] {
            let [v4, v6] = endpoints_at(engine, loopback);
            assert_eq!((v4.is_some(), v6.is_some()), (reachable, reachable), "{engine:?}");
        }
    }

    #[test]
    fn endpoint_is_looked_up_as_a_host() {
        let container = container(EVERYWHERE).of_engine(Some("localhost".into()));
        let mut addresses = container.endpoint(80).unwrap().to_socket_addrs().unwrap();
        assert!(addresses.any(|address| address.port() == 5001 && address.ip().is_loopback()));
    }

    #[test]
    fn endpoint_accepts_the_forms_of_a_port() {
        let container = container(r#"[{"HostIp":"","HostPort":"5001"}]"#);
        let expected = Some(HostPort {
            host: "127.0.0.1".into(),
            port: 5001,
        });
        assert_eq!(container.endpoint(80), expected);
        assert_eq!(container.endpoint("80"), expected);
        assert_eq!(container.endpoint("80/tcp"), expected);
        assert_eq!(container.endpoint("80/TCP"), expected);
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
