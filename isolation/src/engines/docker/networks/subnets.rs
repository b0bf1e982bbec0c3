//! The subnets of new networks: unused parts of the preferred range.

use std::net::{IpAddr, Ipv4Addr};

use engine_api::networks::Network;

use crate::environment::id::random_hex;
use crate::spec::subnet::Subnet;

/// The length of a part of the preferred range: 254 addresses.
const PART: u8 = 24;

/// How many parts are tried at most.
const MOST: u32 = 256;

/// The parts of a range, in turn from a random one: processes that create networks at the same time
/// should not try the same part. A small range is its own only part. IPv6 ranges have no parts.
pub(super) fn parts(range: Subnet) -> Vec<Subnet> {
    let IpAddr::V4(first) = range.address() else {
        return Vec::new();
    };
    if range.length() >= PART {
        return vec![range];
    }
    let count = 1_u32 << (PART - range.length());
    let start = u32::from_str_radix(&random_hex()[..8], 16).unwrap_or_default() % count;
    let part = |number: u32| {
        let number = (start + number) % count;
        let address = Ipv4Addr::from_bits(first.to_bits() + (number << (32 - PART)));
        Subnet::new(address.into(), PART).ok()
    };
    (0..count.min(MOST)).filter_map(part).collect()
}

/// Whether two ranges have a common address.
pub(super) fn overlap(one: Subnet, other: Subnet) -> bool {
    let length = one.length().min(other.length());
    match (one.address(), other.address()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differing = (one.to_bits() ^ other.to_bits()).checked_shr(32 - u32::from(length));
            differing.unwrap_or_default() == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differing = (one.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(length));
            differing.unwrap_or_default() == 0
        }
        _ => false,
    }
}

/// The subnets of networks.
pub(super) fn of_networks(networks: &[Network]) -> Vec<Subnet> {
    let configs = networks.iter().flat_map(|network| &network.ipam.config);
    configs.filter_map(|config| config.subnet.parse().ok()).collect()
}

/// A range for a network with IPv6: random, from the local addresses of RFC 4193.
pub(super) fn random_v6() -> Option<Subnet> {
    let random = random_hex();
    let groups = [&random[..2], &random[2..6], &random[6..10], &random[10..14]];
    let [first, second, third, fourth] = groups;
    format!("fd{first}:{second}:{third}:{fourth}::/64").parse().ok()
}

/// The routes of this machine, those of a VPN included: a network with their addresses would cut
/// them off. A default route is for all other addresses, also if it is in two halves.
pub(super) fn routes() -> Vec<Subnet> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    read_routes(&table)
}

fn read_routes(table: &str) -> Vec<Subnet> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // The kernel writes the bytes of an address as one number of this machine.
        let address = |at: usize| {
            let number = u32::from_str_radix(fields.get(at)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        let length = u8::try_from(address(7)?.to_bits().count_ones()).ok()?;
        Subnet::new(address(1)?.into(), length).ok()
    };
    let found = table.lines().skip(1).filter_map(route);
    found.filter(|route| route.length() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn range_is_cut_into_parts() {
        let mut all = parts(subnet("172.20.0.0/16"));
        assert_eq!(all.len(), 256);
        all.sort_by_key(Subnet::address);
        all.dedup();
        assert_eq!(all.len(), 256);
        assert_eq!(all[0], subnet("172.20.0.0/24"));
        assert_eq!(all[255], subnet("172.20.255.0/24"));
        assert_eq!(parts(subnet("10.0.0.0/8")).len(), 256);
        for small in ["10.1.2.0/24", "10.1.2.64/26"] {
            assert_eq!(parts(subnet(small)), [subnet(small)]);
        }
        assert!(parts(subnet("0.0.0.0/0")).len() == 256 && parts(subnet("fd00::/64")).is_empty());
    }

    #[test]
    fn overlapping_ranges_are_recognised() {
        for (one, other, expected) in [
            ("172.20.0.0/16", "172.20.3.0/24", true),
            ("172.20.3.0/24", "172.20.0.0/16", true),
            ("172.20.3.0/24", "172.20.4.0/24", false),
            ("0.0.0.0/0", "10.0.0.0/8", true),
            ("fd00::/64", "fd00::/48", true),
            ("fd00::/64", "fd01::/64", false),
            ("::/0", "0.0.0.0/0", false),
        ] {
            assert_eq!(overlap(subnet(one), subnet(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn routes_are_read_but_no_default_route() {
        let number = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let line = |device: &str, to: [u8; 4], mask: [u8; 4]| {
            let (to, mask) = (number(to), number(mask));
            format!("{device}\t{to}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
            .to_owned()
            + &line("eth0", [0, 0, 0, 0], [0, 0, 0, 0])
            + &line("tun0", [0, 0, 0, 0], [128, 0, 0, 0])
            + &line("tun0", [128, 0, 0, 0], [128, 0, 0, 0])
            + &line("tun0", [172, 20, 8, 0], [255, 255, 248, 0])
            + &line("eth0", [10, 0, 0, 0], [255, 0, 0, 0])
            + "garbage\n";
        assert_eq!(
            read_routes(&table),
            [subnet("172.20.8.0/21"), subnet("10.0.0.0/8")]
        );
    }

    #[test]
    fn range_of_ipv6_is_local() {
        let range = random_v6().unwrap();
        assert!(
            range.to_string().starts_with("fd") && range.length() == 64,
            "{range}"
        );
    }
}
