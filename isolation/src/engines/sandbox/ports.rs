//! Published ports. Nothing from outside reaches the network of an environment, so this process
//! forwards the ports to its loopback interface, through commands inside. An environment with the
//! network of this machine listens on the ports of this machine itself.

use std::net::{IpAddr, Ipv4Addr};

use super::instance::SandboxInstance;
use super::options::SandboxOptions;
use crate::BoxFuture;
use crate::engine::instance::Ports;
use crate::environment::endpoint::Endpoint;
use crate::environment::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::published_port::{Protocol, PublishedPort};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Rejects ports that cannot be published.
pub(super) fn check(spec: &EnvironmentSpec, options: &SandboxOptions) -> Result<()> {
    let is_host = options.uses_host_network();
    for port in &spec.network.ports {
        if port.protocol != Protocol::Tcp {
            let why = format!(
                "the engine sandbox publishes ports of TCP only, and {port} is one of {}; use the engine docker",
                port.protocol
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        if is_host && moves(port) {
            let why = format!(
                "with the network of this machine (host_network), a port has the same number and address inside \
                 and outside, unlike {port}; write {}",
                port.port
            );
            return Err(Error::invalid(why));
        }
    }
    Ok(())
}

/// Whether the port would have another number or address outside.
fn moves(port: &PublishedPort) -> bool {
    port.address.is_some() || port.host_port.is_some_and(|other| other != port.port)
}

/// The ports of a list, which another process may forward.
pub(super) fn listed(spec: &EnvironmentSpec, status: Status) -> Vec<String> {
    let ports = spec.network.ports.iter().filter(|_| status.is_running());
    ports
        .map(|one| format!("{}/{}", one.port, one.protocol))
        .collect()
}

impl SandboxInstance {
    fn of_this_machine(&self) -> Result<Vec<Endpoint>> {
        self.check_exists()?;
        let runs = matches!(self.status()?, Status::Running | Status::Paused);
        if !runs || !self.sandbox.uses_host_network()? {
            return Ok(Vec::new());
        }
        let ports = self.spec.network.ports.iter();
        let at = |one: &PublishedPort| Endpoint::new(one.port, one.protocol, LOOPBACK.to_string(), one.port);
        Ok(ports.map(at).collect())
    }
}

impl Ports for SandboxInstance {
    fn endpoints(&self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(std::future::ready(self.of_this_machine()))
    }

    fn unpublished(&self) -> BoxFuture<'_, Result<Option<IpAddr>>> {
        let is_host = self.sandbox.uses_host_network();
        Box::pin(std::future::ready(
            is_host.map(|is_host| (!is_host).then_some(LOOPBACK.into())),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_cannot_be_published_are_refused() {
        let checked = |port: &str, host_network: bool| {
            let mut spec = EnvironmentSpec::default();
            spec.network.ports = vec![port.parse().unwrap()];
            check(&spec, &SandboxOptions { host_network })
        };
        for (port, host_network) in [
            ("80", false),
            ("8080:80", false),
            ("127.0.0.2:8080:80", false),
            ("80", true),
            ("80:80", true),
        ] {
            checked(port, host_network).unwrap();
        }
        for (port, host_network, kind, word) in [
            ("53/udp", false, ErrorKind::Unsupported, "docker"),
            ("53/sctp", true, ErrorKind::Unsupported, "sctp"),
            ("8080:80", true, ErrorKind::InvalidInput, "write 80"),
            ("127.0.0.2:80:80", true, ErrorKind::InvalidInput, "host_network"),
        ] {
            let error = checked(port, host_network).unwrap_err();
            assert_eq!(error.kind(), kind, "{port}: {error}");
            assert!(error.to_string().contains(word), "{port}: {error}");
        }
    }

    #[test]
    fn ports_of_a_stopped_environment_are_not_listed() {
        let mut spec = EnvironmentSpec::default();
        spec.network.ports = vec!["8080:80".parse().unwrap()];
        assert_eq!(listed(&spec, Status::Running), ["80/tcp"]);
        assert!(listed(&spec, Status::Stopped).is_empty());
    }
}
