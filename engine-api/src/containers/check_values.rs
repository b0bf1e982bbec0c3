//! Checks of values that an engine would accept and then reinterpret.
//!
//! Docker publishes on all addresses if `host_ip` is a host name or has brackets; it accepts
//! exposed ports above 65535 and relative anonymous volumes. Podman publishes port 70000 as 4464
//! and -1 as 65535, writes a host name instead of an address into `/etc/hosts`, and ignores an
//! invalid MAC address. Docker 20.10 writes an invalid DNS server into `resolv.conf`.

use std::net::IpAddr;

use super::{CreateContainer, HostConfig, PortBinding};
use crate::common::{Port, StringList};

impl CreateContainer {
    /// Why a port, address or path is invalid.
    pub(super) fn check_values(&self) -> Option<String> {
        let exposed = self.exposed_ports.iter().find(|port| !is_port(port, true));
        let exposed = exposed.map(|port| invalid("CreateContainer::exposed_ports", port, PORT));
        let relative = self.volumes.iter().find(|path| !is_absolute(path));
        let relative = relative.map(|path| invalid("CreateContainer::volumes", path, "an absolute path"));
        let directory = Some(self.working_dir.as_str()).filter(|path| !path.is_empty() && !is_absolute(path));
        let directory =
            directory.map(|path| invalid("CreateContainer::working_dir", path, "an absolute path"));
        let macs = self.networking_config.endpoints_config.values();
        let mut macs = macs
            .map(|endpoint| ("EndpointSettings::mac_address", endpoint.mac_address.as_str()))
            .chain([("CreateContainer::mac_address", self.mac_address.as_str())]);
        let mac = macs.find(|(_, mac)| !mac.is_empty() && !is_mac(mac));
        let mac = mac.map(|(field, mac)| invalid(field, mac, "a MAC address such as 02:42:ac:11:00:02"));
        exposed
            .or(relative)
            .or(directory)
            .or(mac)
            .or_else(|| self.host_config.check_values())
    }

    /// Removes brackets around IPv6 addresses of the host, which Docker does not understand.
    pub(super) fn strip_brackets(&mut self) {
        for binding in self.host_config.port_bindings.values_mut().flatten() {
            let bare = binding.host_ip.strip_prefix('[');
            if let Some(bare) = bare.and_then(|text| text.strip_suffix(']')) {
                binding.host_ip = bare.to_owned();
            }
        }
    }
}

/// The form of a port in messages.
const PORT: &str = "a port from 1 to 65535 with tcp, udp or sctp, such as 80/tcp";

impl HostConfig {
    fn check_values(&self) -> Option<String> {
        let port = self.port_bindings.keys().find(|port| !is_port(port, false));
        let port = port.map(|port| invalid("HostConfig::port_bindings", port, PORT));
        let mut bindings = self.port_bindings.values().flatten();
        let dns = self.dns.iter().find(|address| !is_address(address));
        let dns = dns.map(|address| invalid("HostConfig::dns", address, "an IP address"));
        port.or_else(|| bindings.find_map(PortBinding::check))
            .or(dns)
            .or_else(|| check_extra_hosts(&self.extra_hosts))
    }
}

impl PortBinding {
    fn check(&self) -> Option<String> {
        if !self.host_ip.is_empty() && self.host_ip.parse::<IpAddr>().is_err() {
            let expected = "an IP address; an empty one is all addresses";
            return Some(invalid("PortBinding::host_ip", &self.host_ip, expected));
        }
        let valid = self.host_port.is_empty() || is_range(&self.host_port, 0, true);
        let expected = "a port from 0 to 65535 or a range such as 8000-8010";
        (!valid).then(|| invalid("PortBinding::host_port", &self.host_port, expected))
    }
}

fn check_extra_hosts(entries: &StringList) -> Option<String> {
    let valid = |entry: &&String| {
        entry.split_once(':').is_some_and(|(name, address)| {
            !name.is_empty() && (address == "host-gateway" || is_address(address))
        })
    };
    let entry = entries.iter().find(|entry| !valid(entry))?;
    let expected = "name:address with an IP address or host-gateway";
    Some(invalid("HostConfig::extra_hosts", entry, expected))
}

fn invalid(field: &str, value: &str, expected: &str) -> String {
    format!("{field}: {value:?} is not valid; use {expected}")
}

/// Whether it is a port inside a container with its protocol. Only exposed ports may be a range.
fn is_port(port: &Port, range: bool) -> bool {
    port.split_once('/').is_some_and(|(number, protocol)| {
        is_range(number, 1, range) && matches!(protocol, "tcp" | "udp" | "sctp")
    })
}

/// Whether it is a number from `least` to 65535, or two of them with `-` between, in order.
fn is_range(text: &str, least: u16, range: bool) -> bool {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>()
            .ok()
            .filter(|number| digits && *number >= least)
    };
    match text.split_once('-') {
        Some((first, last)) if range => number(first)
            .zip(number(last))
            .is_some_and(|(first, last)| first <= last),
        Some(_) => false,
        None => number(text).is_some(),
    }
}

/// Whether it is an IP address; an IPv6 address may have a zone, `fe80::1%eth0`.
fn is_address(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "zone"));
    !zone.is_empty() && address.parse::<IpAddr>().is_ok()
}

/// Whether a path inside the container is absolute, on Linux or on Windows.
fn is_absolute(path: &str) -> bool {
    let drive = path.as_bytes();
    let drive = drive.len() >= 3
        && drive[0].is_ascii_alphabetic()
        && drive[1] == b':'
        && matches!(drive[2], b'\\' | b'/');
    drive || path.starts_with(['/', '\\'])
}

/// Whether it is a MAC address in a form that engines read: 48 bits, groups with `:`, `-` or `.`.
fn is_mac(text: &str) -> bool {
    let groups = |separator: char, count: usize, digits: usize| {
        text.split(separator).count() == count
            && text
                .split(separator)
                .all(|group| group.len() == digits && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    groups(':', 6, 2) || groups('-', 6, 2) || groups('.', 3, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(change: impl Fn(&mut CreateContainer)) -> CreateContainer {
        let mut container = CreateContainer::default();
        change(&mut container);
        container
    }

    fn published(port: &str, host_ip: &str, host_port: &str) -> CreateContainer {
        let binding = PortBinding {
            host_ip: host_ip.into(),
            host_port: host_port.into(),
        };
        CreateContainer::default().publish(port, binding)
    }

    #[test]
    fn bindings_need_an_address_and_a_port_in_range() {
        for (ip, port) in [
            ("", ""),
            ("127.0.0.1", "0"),
            ("::1", "65535"),
            ("0.0.0.0", "8000-8010"),
        ] {
            assert_eq!(published("80/tcp", ip, port).check_values(), None, "{ip} {port}");
        }
        for (ip, port) in [
            ("localhost", "0"),
            ("127.0.0.1:80", ""),
            ("", "70000"),
            ("", "-1"),
            ("", "+80"),
            ("", "9000-8000"),
            ("", "80-"),
            ("", "http"),
            ("", "80-70000"),
        ] {
            let error = published("80/tcp", ip, port).check_values().unwrap();
            assert!(error.starts_with("PortBinding::host_"), "{ip} {port}: {error}");
        }
    }

    #[test]
    fn brackets_around_an_address_are_removed() {
        let mut container = published("80", "[::1]", "0");
        container.strip_brackets();
        assert_eq!(container.host_config.port_bindings["80/tcp"][0].host_ip, "::1");
        assert_eq!(container.check_values(), None);
    }

    #[test]
    fn ports_of_containers_are_in_range() {
        for port in ["80", "80/tcp", "80/TCP", "65535/udp", "1/sctp"] {
            assert_eq!(published(port, "", "").check_values(), None, "{port}");
        }
        for port in [
            "0/tcp",
            "70000/tcp",
            "80/foo",
            "80-81/tcp",
            "/tcp",
            "tcp",
            "",
            "80/",
        ] {
            assert!(published(port, "", "").check_values().is_some(), "{port}");
            let exposed = container(|container| container.exposed_ports = [port.into()].into());
            assert_eq!(exposed.check_values().is_none(), port == "80-81/tcp", "{port}");
        }
    }

    #[test]
    fn addresses_of_names_and_servers_are_ip_addresses() {
        let dns = |address: &str| container(|container| container.host_config.dns = [address].into());
        for good in ["1.1.1.1", "fd00::1", "fe80::1%eth0"] {
            assert_eq!(dns(good).check_values(), None, "{good}");
        }
        for bad in ["", "dns.example", "1.1.1", "fe80::1%"] {
            assert!(dns(bad).check_values().is_some(), "{bad}");
        }
        let hosts = |entry: &str| container(|container| container.host_config.extra_hosts = [entry].into());
        for good in ["db:10.0.0.1", "db:::1", "host:host-gateway"] {
            assert_eq!(hosts(good).check_values(), None, "{good}");
        }
        for bad in ["db", "db:", ":10.0.0.1", "db:web"] {
            let error = hosts(bad).check_values().unwrap();
            assert!(
                error.contains(&format!("HostConfig::extra_hosts: {bad:?}")),
                "{error}"
            );
        }
    }

    #[test]
    fn paths_are_absolute_and_mac_addresses_complete() {
        let directory = |path: &str| container(|container| container.working_dir = path.into());
        let volume = |path: &str| container(|container| container.volumes = [path.into()].into());
        for good in ["/", "/srv/a", "C:\\app", "c:/app"] {
            assert_eq!(directory(good).check_values(), None, "{good}");
            assert_eq!(volume(good).check_values(), None, "{good}");
        }
        for bad in ["srv", "./a", "C:app"] {
            assert!(
                directory(bad).check_values().is_some() && volume(bad).check_values().is_some(),
                "{bad}"
            );
        }
        let mac = |text: &str| container(|container| container.mac_address = text.into());
        for good in ["", "02:42:ac:11:00:02", "02-42-AC-11-00-02", "0242.ac11.0002"] {
            assert_eq!(mac(good).check_values(), None, "{good}");
        }
        for bad in ["zz", "02:42:ac:11:00", "02:42:ac:11:00:0g", "0242ac110002"] {
            assert!(mac(bad).check_values().is_some(), "{bad}");
        }
    }
}
