//! The published ports of an environment's container.

use std::net::IpAddr;

use engine_api::Docker;
use engine_api::containers::{Container, ListContainers, PortBinding};

use super::NAME;
use super::diagnostics::to_error;
use super::instance::DockerInstance;
use super::launch::Launcher;
use super::publish;
use super::start_failure::{StartFailure, start_failure};
use crate::BoxFuture;
use crate::engine::instance::Ports;
use crate::environment::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::published_port::{Protocol, PublishedPort};

/// The published ports of a container that runs, at the host that the settings name.
fn endpoints_at(container: &Container, host: &str) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for (port, bindings) in &container.network_settings.ports {
        let Some((number, protocol)) = port.as_str().split_once('/') else {
            continue;
        };
        let (Ok(number), Ok(protocol)) = (number.parse(), protocol.parse::<Protocol>()) else {
            continue;
        };
        for binding in bindings {
            let Ok(host_port) = binding.host_port.parse() else {
                continue;
            };
            let ip = binding
                .host_ip
                .parse::<IpAddr>()
                .ok()
                .filter(|ip| !ip.is_unspecified());
            let own = ip.filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string());
            let reachable = publish::is_loopback(host) || ip.is_none_or(|ip| !ip.is_loopback());
            let at = own.unwrap_or_else(|| host.to_owned());
            let endpoint = Endpoint::new(number, protocol, at, host_port);
            // A port on all addresses has a binding for each family.
            if !found
                .iter()
                .any(|known| known.to_string() == endpoint.to_string())
            {
                found.push(Endpoint {
                    reachable,
                    ..endpoint
                });
            }
        }
    }
    found
}

/// The published ports of a container that runs.
fn endpoints(container: &Container) -> Vec<Endpoint> {
    let published = container.network_settings.ports.iter();
    let of_port = |(port, bindings): (&engine_api::common::Port, &Vec<PortBinding>)| {
        let (number, protocol) = port.as_str().split_once('/')?;
        let (number, protocol) = (number.parse().ok()?, protocol.parse::<Protocol>().ok()?);
        let mut found = container.endpoints(port);
        if found.is_empty() {
            found.extend(container.endpoint_v6(port));
        }
        if found.is_empty() {
            let binding = bindings.first()?;
            let host_port = binding.host_port.parse().ok()?;
            let endpoint = Endpoint::new(number, protocol, binding.host_ip.as_str(), host_port);
            return Some(vec![Endpoint {
                reachable: false,
                ..endpoint
            }]);
        }
        let endpoints = found
            .into_iter()
            .map(|at| Endpoint::new(number, protocol, at.host, at.port));
        Some(endpoints.collect())
    };
    published.filter_map(of_port).flatten().collect()
}

impl Launcher {
    /// Whether a start failed because somebody else has got a port of the host that the daemon has
    /// chosen: it chooses another one the next time.
    pub(super) fn may_get_other_ports(&self, error: &engine_api::Error) -> bool {
        let message = error.message().unwrap_or_default();
        let is_chosen = |port: &PublishedPort| port.host_port.is_none();
        start_failure(message) == Some(StartFailure::PortTaken) && self.published.iter().all(is_chosen)
    }

    /// Lets the daemon choose other ports of the host. Docker chooses at each start, Podman once
    /// for each container.
    pub(super) async fn choose_other_ports(&self) -> Result<()> {
        match &self.made {
            Some(made) if self.container.podman => {
                let making = Box::pin(self.recreate(made));
                self.settings.container_call(making).await
            }
            _ => Ok(()),
        }
    }

    /// The error of a start whose ports of the host are taken. It names the container that holds
    /// one of them, if a container does.
    pub(super) async fn port_taken(&self, error: engine_api::Error) -> Error {
        let fixed = self.published.iter().filter_map(|port| port.host_port);
        let ports: Vec<String> = fixed.map(|port| port.to_string()).collect();
        let holder = match holder(&self.container.docker, &self.published).await {
            Some((port, name)) => format!("port {port} of the host is used by the container {name}"),
            None if ports.is_empty() => "a port of the host that the daemon has chosen is used".to_owned(),
            None => format!("a port of the host ({}) is used by a program", ports.join(", ")),
        };
        let text = format!("{holder}; stop it, or let the daemon choose a port: give only the port inside");
        Error::engine_with_kind(NAME, ErrorKind::Conflict, PortTaken { text, source: error })
    }
}

/// Why a port cannot be published.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct PortTaken {
    text: String,
    source: engine_api::Error,
}

/// The container that holds one of these ports of the host, and the port.
async fn holder(docker: &Docker, ports: &[PublishedPort]) -> Option<(u16, String)> {
    let listed = docker.containers().list(ListContainers::default()).await.ok()?;
    listed.iter().find_map(|container| {
        let taken = container.ports.iter().find_map(|held| {
            let same = |port: &&PublishedPort| {
                port.host_port.is_some()
                    && port.host_port == held.public_port
                    && port.protocol.as_str() == held.protocol.as_ref()
            };
            ports.iter().find(same).and(held.public_port)
        });
        taken.map(|port| (port, container.plain_name().to_owned()))
    })
}

impl DockerInstance {
    /// The address on an internal network, if the container is on no other one.
    async fn internal_address(&self) -> Result<Option<IpAddr>> {
        let docker = &self.container.docker;
        let inspected = self.container.inspect().await;
        let mut address = None;
        for (name, endpoint) in &inspected.map_err(to_error)?.network_settings.networks {
            match docker.networks().inspect(name, Default::default()).await {
                Ok(network) if network.internal => address = endpoint.ip_address.parse().ok().or(address),
                Ok(_) => return Ok(None),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(to_error(error)),
            }
        }
        Ok(address)
    }
}

impl Ports for DockerInstance {
    fn unpublished(&self) -> BoxFuture<'_, Result<Option<IpAddr>>> {
        Box::pin(self.internal_address())
    }

    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            match self.container.inspect().await {
                Ok(container) if container.state.running => {
                    Ok(match &self.launcher.settings.published_host {
                        Some(host) => endpoints_at(&container, host),
                        None => endpoints(&container),
                    })
                }
                Ok(_) => Ok(Vec::new()),
                Err(error) if error.is_not_found() => Err(Error::lost()),
                Err(error) => Err(to_error(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_ports_are_read_from_inspect() {
        let text = r#"{"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"4001"}],
            "53/udp":[{"HostIp":"0.0.0.0","HostPort":"4002"},{"HostIp":"::","HostPort":"4002"},
            {"HostIp":"127.0.0.1","HostPort":"4003"}],"90/tcp":null,"91/tcp":[],"odd":[{"HostPort":"1"}],
            "92/tcp":[{"HostPort":""}],"x/tcp":[{"HostPort":"1"}],"93/odd":[{"HostPort":"1"}]}}}"#;
        let container: Container = engine_api::from_json(text.as_bytes()).unwrap();
        let at = |host: &str| {
            let mut found: Vec<_> = endpoints_at(&container, host)
                .iter()
                .map(|at| format!("{}/{} {at} {}", at.port, at.protocol, at.reachable))
                .collect();
            found.sort();
            found
        };
        assert_eq!(
            at("docker.test"),
            [
                "53/udp docker.test:4002 true",
                "53/udp docker.test:4003 false",
                "80/tcp docker.test:4001 false"
            ]
        );
        assert!(at("localhost").iter().all(|line| line.ends_with("true")));
        let mut found: Vec<_> = endpoints(&container)
            .iter()
            .map(|at| format!("{}/{} {at} {}", at.port, at.protocol, at.reachable))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "53/udp 127.0.0.1:4002 true",
                "53/udp 127.0.0.1:4003 true",
                "80/tcp 127.0.0.1:4001 true"
            ]
        );
    }
}
