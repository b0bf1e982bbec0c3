//! The networks of the services.

use std::collections::{BTreeMap, BTreeSet};

use super::Sections;
use super::reading::Reading;
use super::yaml::{Entry, Node, Value};
use crate::group::spec::{DEFAULT_NETWORK, GroupSpec};
use crate::spec::EnvironmentSpec;
use crate::spec::network::{HOST, NetworkMode, NetworkSpec};
use crate::spec::own_network::OwnNetwork;

/// A network of the file.
enum Declared {
    /// It exists already, under this name on the engine.
    External(String),
    Own(OwnNetwork),
}

/// Gives each service its networks. Those that are not external are created for the group.
pub(super) fn assign(reading: &mut Reading<'_>, group: &mut GroupSpec, sections: &Sections<'_>) {
    let mut declared = declared(reading, sections.networks);
    let mut used = BTreeMap::new();
    let names: BTreeSet<String> = group.services.keys().cloned().collect();
    for entry in sections.services {
        let Some(service) = group.services.get_mut(&entry.key) else {
            continue;
        };
        let network = &mut service.environment.network;
        let path = format!("services.{}", entry.key);
        if network.mode != NetworkMode::Default {
            if let Some(node) = reading.get(&entry.value, &path, "networks") {
                let why = "a service with a network_mode has no other networks; remove one of the two";
                reading.fault(node.line, &format!("{path}.networks"), why);
            }
            without_ports(reading, entry, &path, network);
            if let Some(other) = network.shares_with().map(str::to_owned) {
                shared(reading, entry, &other, &names, &mut service.environment);
                continue;
            }
            if matches!(&network.mode, NetworkMode::Named(name) if declared.contains_key(name)) {
                let why = "its network_mode is the name of a network of the file; give that another name";
                reading.fault(entry.line, &path, why);
            }
            continue;
        }
        let mut joined = joined(reading, &entry.value, &path);
        if joined.is_empty() {
            joined.push((DEFAULT_NETWORK.to_owned(), Vec::new()));
        }
        // Docker finds a container by its name, too.
        if let Some(node) = reading.get(&entry.value, &path, "container_name") {
            let name = reading.text(node, &format!("{path}.container_name"));
            for (_, aliases) in &mut joined {
                aliases.extend(name.clone().filter(|name| *name != entry.key));
            }
        }
        for (name, _) in &joined {
            if !declared.contains_key(name) && name != DEFAULT_NETWORK {
                reading.fault(entry.line, &path, &format!("no network is called {name:?}"));
            }
        }
        // The default route is that of a network from which one can reach others.
        let is_closed = |name: &str| matches!(declared.get(name), Some(Declared::Own(own)) if own.internal);
        joined.sort_by_key(|(name, _)| is_closed(name));
        let several = joined.len() > 1;
        for (at, (name, aliases)) in joined.into_iter().enumerate() {
            let on_engine = match declared.get(&name) {
                Some(Declared::External(name)) => name.clone(),
                Some(Declared::Own(own)) => {
                    used.insert(name.clone(), own.clone());
                    name
                }
                None => name,
            };
            match at {
                0 if on_engine == DEFAULT_NETWORK => network.mode = NetworkMode::Default,
                0 => network.mode = NetworkMode::Named(on_engine.clone()),
                _ => network.join.push(on_engine.clone()),
            }
            match several {
                false => network.aliases = aliases,
                true if aliases.is_empty() => {}
                true => {
                    network.aliases_on.insert(on_engine, aliases);
                }
            }
        }
        if several && network.mode == NetworkMode::Default {
            network.mode = NetworkMode::Named(DEFAULT_NETWORK.to_owned());
        }
    }
    let is_default = |mode: &NetworkMode| *mode == NetworkMode::Named(DEFAULT_NETWORK.to_owned());
    let joins_default = group.services.values().any(|service| {
        let network = &service.environment.network;
        is_default(&network.mode) || network.join.iter().any(|name| name == DEFAULT_NETWORK)
    });
    let external = matches!(declared.get(DEFAULT_NETWORK), Some(Declared::External(_)));
    if joins_default && !external {
        let own = match declared.remove(DEFAULT_NETWORK) {
            Some(Declared::Own(own)) => own,
            _ => OwnNetwork::default(),
        };
        used.insert(DEFAULT_NETWORK.to_owned(), own);
    }
    for (key, network) in &declared {
        if let Declared::External(name) = network {
            if used.contains_key(name) {
                let why =
                    format!("its name is that of the network {name} of the file; give that another name");
                reading.fault(1, &format!("networks.{key}"), &why);
            }
        }
    }
    group.networks = used;
}

/// The network of the host, and an environment without one, have no ports to publish.
fn without_ports(reading: &mut Reading<'_>, entry: &Entry, path: &str, network: &mut NetworkSpec) {
    let why = match &network.mode {
        NetworkMode::Named(name) if name == HOST => {
            "on the network of the host, all its ports are those of the host"
        }
        NetworkMode::None => "a service without a network cannot publish ports",
        _ => return,
    };
    if !network.ports.is_empty() {
        network.ports.clear();
        reading.unsupported(entry.line, &format!("{path}.ports"), &format!("{why}; remove it"));
    }
}

/// A service with the network of another one has no settings of a network: Docker refuses them.
fn shared(
    reading: &mut Reading<'_>,
    entry: &Entry,
    other: &str,
    services: &BTreeSet<String>,
    spec: &mut EnvironmentSpec,
) {
    let path = format!("services.{}", entry.key);
    let why = match (other == entry.key, services.contains(other)) {
        (true, _) => Some("a service cannot have its own network in this way; remove it".to_owned()),
        (false, false) => Some(format!(
            "no service is called {other:?}, or its profile is not active"
        )),
        (false, true) => None,
    };
    if let Some(why) = why {
        reading.fault(entry.line, &format!("{path}.network_mode"), &why);
    }
    for (key, hint) in [
        ("ports", "publish them by that service"),
        ("hostname", "it has the host name of that service"),
        ("extra_hosts", "add them to that service"),
        ("dns", "set it there"),
        ("dns_search", "set it there"),
    ] {
        if reading.get(&entry.value, &path, key).is_some() {
            let hint = format!("it has the network of {other}; {hint}");
            reading.unsupported(entry.line, &format!("{path}.{key}"), &hint);
        }
    }
    let network = &mut spec.network;
    network.ports.clear();
    network.dns.clear();
    network.dns_search.clear();
    let options = spec.engine_options.get_mut("docker");
    if let Some(options) = options.and_then(|options| options.as_object_mut()) {
        options.remove("hostname");
        options.remove("extra_hosts");
    }
}

/// The networks of the file, and what each is.
fn declared(reading: &mut Reading<'_>, entries: &[Entry]) -> BTreeMap<String, Declared> {
    let mut networks = BTreeMap::new();
    for entry in entries {
        let path = format!("networks.{}", entry.key);
        let (mut external, mut name, mut own) = (false, None, OwnNetwork::default());
        for option in reading.map(&entry.value, &path) {
            let (value, path) = (&option.value, format!("{path}.{}", option.key));
            match option.key.as_str() {
                "external" => external = reading.bool(value, &path).unwrap_or_default(),
                "name" => name = reading.text(value, &path),
                "internal" => own.internal = reading.bool(value, &path).unwrap_or_default(),
                "enable_ipv6" => own.ipv6 = reading.bool(value, &path).unwrap_or_default(),
                "ipam" => own.subnet = subnet(reading, value, &path),
                "driver" if reading.text(value, &path).as_deref() == Some("bridge") => {}
                "labels" | "attachable" => {}
                key if key.starts_with("x-") => {}
                _ => reading.unsupported(option.line, &path, ""),
            }
        }
        let network = match (external, name) {
            (true, name) => Declared::External(name.unwrap_or_else(|| entry.key.clone())),
            (false, name) => {
                own.name = name;
                Declared::Own(own)
            }
        };
        networks.insert(entry.key.clone(), network);
    }
    networks
}

/// The subnet of `ipam: {config: [{subnet: …}]}`.
fn subnet(reading: &mut Reading<'_>, node: &Node, path: &str) -> Option<crate::spec::subnet::Subnet> {
    let mut subnet = None;
    for option in reading.map(node, path) {
        let path = format!("{path}.{}", option.key);
        match (option.key.as_str(), &option.value.value) {
            ("config", Value::List(configs)) => {
                for (at, config) in configs.iter().enumerate() {
                    let path = format!("{path}[{at}]");
                    for entry in reading.map(config, &path) {
                        let path = format!("{path}.{}", entry.key);
                        if entry.key != "subnet" || subnet.is_some() {
                            reading.unsupported(entry.line, &path, "a network has one subnet");
                            continue;
                        }
                        subnet =
                            reading.parsed(&entry.value, &path, "a subnet such as 10.9.0.0/24", str::parse);
                    }
                }
            }
            ("driver", _) if reading.text(&option.value, &path).as_deref() == Some("default") => {}
            _ => reading.unsupported(option.line, &path, ""),
        }
    }
    subnet
}

/// The networks of a service with its aliases there, in the order of the file.
fn joined(reading: &mut Reading<'_>, service: &Node, path: &str) -> Vec<(String, Vec<String>)> {
    let Some(node) = reading.get(service, path, "networks") else {
        return Vec::new();
    };
    let path = format!("{path}.networks");
    let Value::Map(entries) = &node.value else {
        let names = reading.texts(node, &path).into_iter();
        return names.map(|name| (name, Vec::new())).collect();
    };
    let mut networks = Vec::new();
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        let mut aliases = Vec::new();
        for option in reading.map(&entry.value, &path) {
            let path = format!("{path}.{}", option.key);
            match option.key.as_str() {
                "aliases" => aliases = reading.texts(&option.value, &path),
                "priority" => {}
                _ => reading.unsupported(option.line, &path, ""),
            }
        }
        networks.push((entry.key.clone(), aliases));
    }
    networks
}
