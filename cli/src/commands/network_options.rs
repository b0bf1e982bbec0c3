//! The options of the network of a new environment.

use std::net::IpAddr;

use clap::Args;
use isolation::{NetworkMode, NetworkSpec, PublishedPort};

use crate::parse;

/// Options of the network of a new environment.
#[derive(Debug, Args)]
pub(crate) struct NetworkOptions {
    /// Publish a port of the environment, or a range: 8000-8002:80-82; the address is 127.0.0.1
    /// unless the daemon runs on another machine; may be repeated
    #[arg(long, short, value_name = "[[ADDRESS:]HOST_PORT:]PORT[/PROTOCOL]", value_parser = parse::publish)]
    publish: Vec<Vec<PublishedPort>>,
    /// Publish all ports that the image declares; the engine chooses the ports of the host
    #[arg(long, short = 'P')]
    publish_all: bool,
    /// Network of the environment: an existing one by its name, bridge for access to the internet,
    /// or none; may be repeated, then it is on all of them, and the first one has the default route
    #[arg(long, value_name = "NETWORK")]
    network: Vec<String>,
    /// Name of the environment on its networks; may be repeated
    #[arg(long, value_name = "NAME")]
    network_alias: Vec<String>,
    /// Entry of /etc/hosts; may be repeated
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = host)]
    add_host: Vec<(String, IpAddr)>,
    /// DNS server; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// Domain in which DNS looks for names without a dot; may be repeated
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Make a TCP port of this machine reachable inside, at the same port of 127.0.0.1; may be
    /// repeated
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    expose_host: Vec<u16>,
}

impl NetworkOptions {
    pub(super) fn fill(&self, spec: &mut NetworkSpec) {
        spec.ports.extend(self.publish.iter().flatten());
        spec.publish_all |= self.publish_all;
        spec.aliases.extend(self.network_alias.iter().cloned());
        spec.hosts.extend(self.add_host.iter().cloned());
        spec.dns.extend(&self.dns);
        spec.dns_search.extend(self.dns_search.iter().cloned());
        spec.expose_host.extend(&self.expose_host);
        let Some((first, others)) = self.network.split_first() else {
            return;
        };
        spec.mode = match first.as_str() {
            "none" => NetworkMode::None,
            name => NetworkMode::Named(name.to_owned()),
        };
        spec.join.extend(others.iter().cloned());
    }
}

/// `db.test:10.0.0.7`; the docker command also takes a `=`, and an IPv6 address in brackets.
fn host(text: &str) -> Result<(String, IpAddr), String> {
    let form = "write it as NAME:ADDRESS, such as db.test:10.0.0.7";
    let (name, address) = text
        .split_once('=')
        .or_else(|| text.split_once(':'))
        .ok_or_else(|| form.to_owned())?;
    let plain = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = plain.unwrap_or(address).parse();
    let address = address.map_err(|_| format!("the address is no IP address; {form}"))?;
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_and_an_address() {
        for (text, address) in [
            ("db.test:10.0.0.7", "10.0.0.7"),
            ("db.test=10.0.0.7", "10.0.0.7"),
            ("db.test:fd00::1", "fd00::1"),
            ("db.test=[fd00::1]", "fd00::1"),
        ] {
            assert_eq!(
                host(text),
                Ok(("db.test".to_owned(), address.parse().unwrap())),
                "{text}"
            );
        }
        for text in ["db.test", "db.test:", "db.test:web"] {
            assert!(host(text).unwrap_err().contains("NAME:ADDRESS"), "{text}");
        }
    }
}
