//! Creates a network with addresses that are not in use.

use engine_api::Docker;
use engine_api::common::DriverOptions;
use engine_api::networks::{CreateNetwork, IpamConfig, ListNetworks};

use super::subnets;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::{NAME, labels, publish};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::subnet::Subnet;

/// From this API version on, a gateway can have no address on the machine of the daemon.
const ISOLATED: engine_api::Version = engine_api::Version::new(1, 48);

/// The texts of the daemons if a subnet is used already: Docker, Docker from version 28 on, Podman.
const OVERLAPS: [&str; 3] = ["Pool overlaps", "is already used on the host", "is being used by"];

/// The texts of the daemons if no subnet is free: Docker before and from version 26 on, Podman.
const EXHAUSTED: [&str; 3] = [
    "could not find an available, non-overlapping",
    "all predefined address pools have been fully subnetted",
    "could not find free subnet",
];

/// The settings of a network beside its name and labels.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engines::docker) struct Wanted {
    /// Exactly these addresses.
    pub(in crate::engines::docker) subnet: Option<Subnet>,
    /// A part of these addresses, if one is free.
    pub(in crate::engines::docker) preference: Option<Subnet>,
    pub(in crate::engines::docker) ipv6: bool,
    pub(in crate::engines::docker) internal: bool,
}

/// Creates a network. Returns the reason if it has no addresses of the preference.
///
/// An internal network is one that cannot reach the machine of the daemon either, where the daemon
/// can do that.
pub(in crate::engines::docker) async fn allocate(
    docker: &Docker,
    mut network: CreateNetwork,
    wanted: Wanted,
) -> Result<Option<String>> {
    network.internal = wanted.internal;
    if wanted.internal {
        network.options = gateway(docker).await.map_err(to_error)?;
    }
    if wanted.ipv6 {
        network.enable_ipv6 = Some(true);
        network.ipam.config.extend(subnets::random_v6().map(config));
    }
    if let Some(subnet) = wanted.subnet {
        return match try_subnet(docker, &network, subnet).await? {
            true => Ok(None),
            false => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "the subnet {subnet} overlaps one that is used already, by another network or by {}; choose \
                     another",
                    routes_in_words(docker)
                ),
            )),
        };
    }
    let mut reason = None;
    if let Some(range) = wanted.preference {
        if try_parts(docker, &network, range).await? {
            return Ok(None);
        }
        reason = Some(format!(
            "every part of the preferred subnet {range} is used by another network or by {}",
            routes_in_words(docker)
        ));
    }
    match docker.networks().create(network).await {
        Ok(_) => Ok(reason),
        Err(error) if has(&error, &EXHAUSTED) => Err(exhausted(docker, error).await),
        Err(error) => Err(to_error(error)),
    }
}

/// Whose routes a subnet must not overlap. Those of another machine cannot be seen.
fn routes_in_words(docker: &Docker) -> &'static str {
    match publish::is_local(docker) {
        true => "a route of this machine",
        false => "a route of the daemon's machine, which is another one, so its routes cannot be listed",
    }
}

/// Tries the parts of a range; returns whether one was free.
async fn try_parts(docker: &Docker, network: &CreateNetwork, range: Subnet) -> Result<bool> {
    let mut used = match publish::is_local(docker) {
        true => subnets::routes(),
        false => Vec::new(),
    };
    let mut listed = false;
    for part in subnets::parts(range) {
        if used.iter().any(|other| subnets::overlap(*other, part)) {
            continue;
        }
        if try_subnet(docker, network, part).await? {
            return Ok(true);
        }
        if !listed {
            // The daemon also knows networks and routes that it does not list.
            let networks = docker.networks().list(ListNetworks::default()).await;
            used.extend(subnets::of_networks(&networks.map_err(to_error)?));
            listed = true;
        }
    }
    Ok(false)
}

/// Creates the network with this subnet; `false` if the subnet is used already.
async fn try_subnet(docker: &Docker, network: &CreateNetwork, subnet: Subnet) -> Result<bool> {
    let mut network = network.clone();
    network.ipam.config.insert(0, config(subnet));
    match docker.networks().create(network).await {
        Ok(_) => Ok(true),
        Err(error) if has(&error, &OVERLAPS) => Ok(false),
        Err(error) => Err(to_error(error)),
    }
}

fn config(subnet: Subnet) -> IpamConfig {
    IpamConfig {
        subnet: subnet.to_string(),
        ..IpamConfig::default()
    }
}

/// The options by which containers on an internal network cannot reach the machine of the daemon,
/// if the daemon has them.
async fn gateway(docker: &Docker) -> engine_api::Result<DriverOptions> {
    if !seals(docker).await? {
        return Ok(DriverOptions::default());
    }
    Ok([
        ("com.docker.network.bridge.gateway_mode_ipv4", "isolated"),
        ("com.docker.network.bridge.gateway_mode_ipv6", "isolated"),
    ]
    .into())
}

/// Whether an internal network of the daemon cannot reach the machine of the daemon.
pub(in crate::engines::docker) async fn seals(docker: &Docker) -> engine_api::Result<bool> {
    Ok(docker.version().await? >= ISOLATED && docker.is_podman() != Some(true))
}

fn has(error: &engine_api::Error, texts: &[&str]) -> bool {
    let message = error.message().unwrap_or_default();
    texts.iter().any(|text| message.contains(text))
}

/// Why no network can be created.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Exhausted {
    text: String,
    source: engine_api::Error,
}

/// The error if the daemon has no free subnet. It names the networks of this program.
async fn exhausted(docker: &Docker, source: engine_api::Error) -> Error {
    let listed = docker.networks().list(ListNetworks::default()).await;
    let ours = |labels: &std::collections::BTreeMap<String, String>| {
        [labels::ENVIRONMENT, labels::RESOURCE]
            .iter()
            .any(|key| labels.contains_key(*key))
    };
    let networks = listed.unwrap_or_default();
    let names: Vec<&str> = networks
        .iter()
        .filter(|network| ours(&network.labels))
        .map(|network| network.name.as_str())
        .collect();
    let which = match names.is_empty() {
        true => "none of them is of this program".to_owned(),
        false => format!("of this program are {}", names.join(", ")),
    };
    let at = match publish::is_local(docker) {
        true => "the daemon".to_owned(),
        false => format!("the daemon at {}", docker.address()),
    };
    let text = format!(
        "{at} has no free subnet for another network, because its address pools are used up; it has {}, {which}; \
         remove some: isolate gc, isolate network prune, docker network prune; or give its configuration larger \
         default-address-pools",
        networks.len()
    );
    Error::engine_with_kind(NAME, ErrorKind::Unavailable, Exhausted { text, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_daemon_are_recognised() {
        let is = |text: &str, texts: &[&str]| texts.iter().any(|known| text.contains(known));
        for text in [
            "Pool overlaps with other one on this address space",
            "invalid pool request: Pool overlaps with other one on this address space",
            "subnet 172.29.7.0/24 is already used on the host or by another config",
        ] {
            assert!(is(text, &OVERLAPS) && !is(text, &EXHAUSTED), "{text}");
        }
        for text in [
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the \
             network",
            "all predefined address pools have been fully subnetted",
            "invalid pool request: all predefined address pools have been fully subnetted",
            "could not find free subnet from subnet pools",
        ] {
            assert!(is(text, &EXHAUSTED) && !is(text, &OVERLAPS), "{text}");
        }
    }
}
