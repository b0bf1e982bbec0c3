//! The network of an environment.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::own_network::OwnNetwork;
use super::published_port::{Protocol, PublishedPort};
use super::validate::{self, Faults};
use crate::engine::capabilities::Feature;
use crate::error::{Error, Result};
use crate::short::short;

/// The network of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSpec {
    /// The mode: the network that it has.
    #[serde(skip_serializing_if = "super::is_default")]
    pub mode: NetworkMode,
    /// The ports that can be reached from outside:
    /// [`Environment::endpoint`](crate::Environment::endpoint). On an internal network, this
    /// process forwards them while it uses the environment.
    #[serde(skip_serializing_if = "super::is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::protocol::schema::PortText>"))]
    pub ports: Vec<PublishedPort>,
    /// Whether all ports that the image declares are published, too, each at a port of the host
    /// that the engine chooses.
    #[serde(skip_serializing_if = "super::is_default")]
    pub publish_all: bool,
    /// Additional names of the environment on a named network, for other environments on it.
    #[serde(skip_serializing_if = "super::is_default")]
    pub aliases: Vec<String>,
    /// More names on a single one of its networks, by the name of the network as in
    /// [`mode`](Self::mode) or [`join`](Self::join).
    #[serde(skip_serializing_if = "super::is_default")]
    pub aliases_on: BTreeMap<String, Vec<String>>,
    /// More networks of the engine that it joins, with the same aliases. The default route is that
    /// of [`mode`](Self::mode).
    #[serde(skip_serializing_if = "super::is_default")]
    pub join: Vec<String>,
    /// Networks that are created for it and removed with it, by name. It is on those that
    /// [`mode`](Self::mode) and [`join`](Self::join) name. Others can join them, too: the detail
    /// `network.NAME` of [`Environment::inspect`](crate::Environment::inspect) is the name of one
    /// on the engine.
    #[serde(skip_serializing_if = "super::is_default")]
    pub own: BTreeMap<String, OwnNetwork>,
    /// The DNS servers that it asks for names outside of its networks; by default those of the
    /// engine.
    #[serde(skip_serializing_if = "super::is_default")]
    pub dns: Vec<IpAddr>,
    /// The search domains of DNS for names without a dot.
    #[serde(skip_serializing_if = "super::is_default")]
    pub dns_search: Vec<String>,
    /// Names and their addresses, for `/etc/hosts`.
    #[serde(skip_serializing_if = "super::is_default")]
    pub hosts: BTreeMap<String, IpAddr>,
    /// Ports of this machine that are reachable inside at the same port of 127.0.0.1, while it runs
    /// and this process uses it: [`Environment::expose_host`](crate::Environment::expose_host). A
    /// main process may start before they are reachable.
    #[serde(skip_serializing_if = "super::is_default")]
    pub expose_host: Vec<u16>,
    /// Whether its private network is internal: without access to external networks.
    #[serde(skip_serializing_if = "super::is_default")]
    pub internal: bool,
    /// Whether its private network has IPv6 addresses, too.
    #[serde(skip_serializing_if = "super::is_default")]
    pub ipv6: bool,
}

/// The network of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// The engine's default.
    #[default]
    Default,
    /// No network: only the environment's own loopback interface.
    None,
    /// A new network that is removed with the environment. Others can join it by its name, which is
    /// the detail `network` of [`Environment::inspect`](crate::Environment::inspect).
    Private,
    /// An existing network of the engine, or one of [`own`](NetworkSpec::own). On `docker`, `host`
    /// is the network of the machine of the daemon, and `bridge` that of containers that name none.
    /// On `sandbox`, `host` is the network of this machine, and `bridge` is one with access to the
    /// internet, where [`network_modes`](crate::CapabilityValues::network_modes) has it. Other names
    /// are `Unsupported` there.
    Named(String),
    /// The network of another environment of the engine, by the ID of that one; in a group, by the
    /// name of a service. The two have the same addresses, names and ports, and reach each other at
    /// 127.0.0.1; the other one publishes the ports of both. It must run when this one starts.
    /// After each later start of the other one, a process that has both starts this one again,
    /// because its network has gone. It notices a start by another process at the next
    /// [`inspect`](crate::Environment::inspect) of the other one if that has stopped meanwhile, and
    /// a restart by another process only during a [`Manager::watch`](crate::Manager::watch);
    /// without it, restart this one, too.
    ///
    /// On `sandbox`, the network lasts while one of the two runs, and nothing is started again.
    Environment(String),
}

/// The text of [`NetworkMode::Environment`] in [`CapabilityValues::network_modes`].
///
/// [`CapabilityValues::network_modes`]: crate::CapabilityValues::network_modes
pub(crate) const OF_ENVIRONMENT: &str = "environment";

/// That of [`NetworkMode::Private`].
pub(crate) const PRIVATE: &str = "private";

/// The network of the machine of the daemon, which an environment has in place of its own.
pub(crate) const HOST: &str = "host";

/// The network of containers that name none; Podman calls it `podman`.
pub(crate) const BRIDGE: &str = "bridge";

/// The networks that daemons have from the beginning, and that have no names of containers.
pub(crate) const WITHOUT_NAMES: [&str; 3] = [BRIDGE, "podman", HOST];

impl NetworkSpec {
    pub(super) fn check(&self, faults: &mut Faults) {
        if let NetworkMode::Named(name) = &self.mode {
            faults.add(validate::text("the name of the network", name));
        }
        if !self.aliases.is_empty() && !self.has_names() && self.join.is_empty() {
            let why = "aliases need a named or private network, not host or bridge; choose one, or remove the aliases";
            faults.add(Err(Error::invalid(why)));
        }
        for (set, what) in [(self.internal, "internal"), (self.ipv6, "ipv6")] {
            if set && self.mode != NetworkMode::Private {
                let why = format!("{what} is for a private network; choose one, or remove {what}");
                faults.add(Err(Error::invalid(why)));
            }
        }
        for alias in self.aliases.iter().chain(self.aliases_on.values().flatten()) {
            faults.add(check_alias(alias));
        }
        self.check_names(faults);
        self.check_own(faults);
        self.check_shared(faults);
        if self.internal || self.main_own().is_some_and(|own| own.internal) {
            self.ports
                .iter()
                .for_each(|port| faults.add(check_forwarded(port)));
        }
        for (at, port) in self.expose_host.iter().enumerate() {
            if *port == 0 || self.expose_host[..at].contains(port) {
                let why = format!("a port to expose is a number from 1 to 65535, once, unlike {port}");
                faults.add(Err(Error::invalid(why)));
            }
        }
        if self.publish_all && (self.internal || self.main_own().is_some_and(|own| own.internal)) {
            let why = "an internal network has only ports that are named; name them, without publish_all";
            faults.add(Err(Error::invalid(why)));
        }
        if self.is_host() && (self.publishes() || !self.join.is_empty() || !self.expose_host.is_empty()) {
            let why = "an environment on the network of the host has every port of the host, and no other network; \
                       remove its ports and the networks to join, or give it another network";
            faults.add(Err(Error::invalid(why)));
        }
        if self.mode == NetworkMode::None && self.publishes() {
            let why =
                "an environment without a network cannot publish ports; remove them, or give it a network";
            faults.add(Err(Error::invalid(why)));
        }
        for (at, port) in self.ports.iter().enumerate() {
            let same = |other: &PublishedPort| {
                let key = |port: &PublishedPort| (port.address, port.host_port, port.protocol);
                port.host_port.is_some() && key(other) == key(port)
            };
            if self.ports[..at].iter().any(same) {
                let why =
                    format!("two published ports use the same port of the host: {port}; choose another");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    fn check_names(&self, faults: &mut Faults) {
        for (at, name) in self.join.iter().enumerate() {
            faults.add(validate::text("the name of a network to join", name));
            let main = matches!(&self.mode, NetworkMode::Named(main) if main == name);
            if main || self.join[..at].contains(name) {
                let why = format!("the network {name} is joined twice; name it once");
                faults.add(Err(Error::invalid(why)));
            }
        }
        if self.mode == NetworkMode::None && !self.join.is_empty() {
            let why = "an environment without a network cannot join one; name one as its mode";
            faults.add(Err(Error::invalid(why)));
        }
        let names = self.hosts.keys().map(|name| ("the name of a host", name));
        let domains = self.dns_search.iter().map(|domain| ("a search domain", domain));
        for (what, name) in names.chain(domains) {
            let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(valid) {
                let why = format!(
                    "{what} has letters, digits, '-', '_' and '.', unlike {name:?}",
                    name = short(name)
                );
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    fn check_own(&self, faults: &mut Faults) {
        let given = self.own.values().filter_map(|own| own.name.as_ref());
        for name in self.own.keys().chain(given) {
            faults.add(validate::name(name).map_err(|_| {
                Error::invalid(format!(
                    "{name:?} is not the name of a network; {}",
                    validate::NAME_RULE,
                    name = short(name)
                ))
            }));
        }
        for name in self.aliases_on.keys() {
            let is_main = matches!(&self.mode, NetworkMode::Named(main) if main == name);
            if !is_main && !self.join.contains(name) {
                let why = format!("there are aliases for the network {name}, which is not joined; join it");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    /// The network of another environment is configured there.
    fn check_shared(&self, faults: &mut Faults) {
        let NetworkMode::Environment(other) = &self.mode else {
            return;
        };
        faults.add(validate::text("the environment whose network it has", other));
        for (set, what, instead) in [
            (self.publishes(), "ports", "publish them there"),
            (!self.join.is_empty(), "networks to join", "join them there"),
            (!self.own.is_empty(), "networks of its own", "create them there"),
            (!self.dns.is_empty(), "DNS servers", "name them there"),
            (!self.dns_search.is_empty(), "search domains", "name them there"),
            (!self.hosts.is_empty(), "entries of /etc/hosts", "add them there"),
        ] {
            if set {
                let why =
                    format!("an environment with the network of {other} has no {what} of its own; {instead}");
                faults.add(Err(Error::invalid(why)));
            }
        }
    }

    /// The environment or service whose network it has.
    pub(crate) fn shares_with(&self) -> Option<&str> {
        match &self.mode {
            NetworkMode::Environment(other) => Some(other),
            _ => None,
        }
    }

    /// The main network, if that is one of its own.
    fn main_own(&self) -> Option<&OwnNetwork> {
        match &self.mode {
            NetworkMode::Named(name) => self.own.get(name),
            _ => None,
        }
    }

    /// Whether environments on its main network reach it by names.
    pub(crate) fn has_names(&self) -> bool {
        match &self.mode {
            NetworkMode::Default | NetworkMode::None | NetworkMode::Environment(_) => false,
            NetworkMode::Private => true,
            NetworkMode::Named(name) => {
                self.own.contains_key(name) || !WITHOUT_NAMES.contains(&name.as_str())
            }
        }
    }

    /// The text of its mode in [`CapabilityValues::network_modes`], if engines without networks can
    /// have it.
    ///
    /// [`CapabilityValues::network_modes`]: crate::CapabilityValues::network_modes
    pub(crate) fn mode_without_networks(&self) -> Option<&'static str> {
        match self.mode {
            NetworkMode::Private => Some(PRIVATE),
            NetworkMode::Environment(_) => Some(OF_ENVIRONMENT),
            NetworkMode::Named(_) if self.is_bridge() => Some(BRIDGE),
            NetworkMode::Named(_) if self.is_host() => Some(HOST),
            NetworkMode::Default | NetworkMode::None | NetworkMode::Named(_) => None,
        }
    }

    /// Whether it has the network of the machine of the daemon, or on an engine without networks
    /// that of this machine.
    pub(crate) fn is_host(&self) -> bool {
        matches!(&self.mode, NetworkMode::Named(name) if name == HOST && !self.own.contains_key(name))
    }

    /// Whether it has the network of containers that name none, or on an engine without networks
    /// another one with access to the internet.
    pub(crate) fn is_bridge(&self) -> bool {
        matches!(&self.mode, NetworkMode::Named(name) if name == BRIDGE && !self.own.contains_key(name))
    }

    /// Whether ports are published.
    pub(crate) fn publishes(&self) -> bool {
        self.publish_all || !self.ports.is_empty()
    }

    /// Its names on a network, which is named as in the specification.
    pub(crate) fn aliases_for(&self, network: &str) -> Vec<String> {
        let mut names = self.aliases.clone();
        for alias in self.aliases_on.get(network).into_iter().flatten() {
            if !names.contains(alias) {
                names.push(alias.clone());
            }
        }
        names
    }

    /// Gives other names to networks.
    pub(crate) fn rename_networks(&mut self, rename: impl Fn(&str) -> Option<String>) {
        if let NetworkMode::Named(name) = &mut self.mode {
            *name = rename(name).unwrap_or_else(|| std::mem::take(name));
        }
        for name in &mut self.join {
            *name = rename(name).unwrap_or_else(|| std::mem::take(name));
        }
        let renamed = std::mem::take(&mut self.aliases_on).into_iter();
        self.aliases_on = renamed
            .map(|(name, aliases)| (rename(&name).unwrap_or(name), aliases))
            .collect();
    }

    /// Whether something is set that only networks of an engine have.
    fn configures_networks(&self) -> bool {
        let names = self.dns.len() + self.dns_search.len() + self.hosts.len() + self.join.len();
        names + self.own.len() > 0 || self.internal || self.ipv6
    }

    pub(super) fn required_features(&self) -> impl Iterator<Item = Feature> {
        let mode = match self.mode {
            NetworkMode::Default => None,
            NetworkMode::None => Some(Feature::NetworkIsolation),
            NetworkMode::Private | NetworkMode::Named(_) | NetworkMode::Environment(_) => {
                Some(Feature::Networks)
            }
        };
        let ports = self.publishes().then_some(Feature::Ports);
        let networks = self.configures_networks().then_some(Feature::Networks);
        mode.into_iter().chain(ports).chain(networks)
    }
}

/// Rejects a port that cannot be forwarded through commands inside.
pub(crate) fn check_forwarded(port: &PublishedPort) -> Result<()> {
    match port.protocol {
        Protocol::Tcp => Ok(()),
        protocol => Err(Error::invalid(format!(
            "an internal network has reachable ports of TCP only, not of {protocol}; use another network for {port}"
        ))),
    }
}

/// Rejects a text that is not a name on a network.
pub(crate) fn check_alias(alias: &str) -> Result<()> {
    validate::name(alias).map_err(|_| {
        Error::invalid(format!(
            "{alias:?} is not an alias on a network; {}",
            validate::NAME_RULE
        ))
    })
}
