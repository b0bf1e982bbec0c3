//! The networks of the services.

use std::collections::{BTreeMap, BTreeSet};

use super::Sections;
use super::reading::Reading;
use super::yaml::{Entry, Node, Value};
use crate::group::spec::GroupSpec;
use crate::spec::network::NetworkMode;

/// The default network of services.
const DEFAULT: &str = "default";

/// Sets the network of each service: the group's own network, or a named external network.
pub(super) fn assign(reading: &mut Reading<'_>, group: &mut GroupSpec, sections: &Sections<'_>) {
    let external = external(reading, sections.networks);
    let mut own = BTreeSet::new();
    for entry in sections.services {
        let Some(service) = group.services.get_mut(&entry.key) else {
            continue;
        };
        if service.environment.network.mode == NetworkMode::None {
            continue;
        }
        let path = format!("services.{}", entry.key);
        let networks = joined(reading, &entry.value, &path);
        for network in networks.keys() {
            let is_declared = sections.networks.iter().any(|declared| declared.key == *network);
            if !is_declared && network != DEFAULT {
                reading.fault(entry.line, &path, &format!("no network is called {network:?}"));
            }
        }
        if networks.len() > 1 {
            let hint = "a service has one network";
            reading.unsupported(
                entry.line,
                &format!("{path}.networks with several networks"),
                hint,
            );
        }
        let (first, aliases) = networks
            .into_iter()
            .next()
            .unwrap_or((DEFAULT.to_owned(), Vec::new()));
        let network = &mut service.environment.network;
        match external.get(&first) {
            Some(name) => network.mode = NetworkMode::Named(name.clone()),
            None => {
                own.insert(first);
            }
        }
        network.aliases = aliases;
    }
    if own.len() > 1 {
        let line = sections.networks.first().map_or(1, |entry| entry.line);
        let hint = "a group has one network of its own; put all services on it";
        reading.unsupported(line, "several networks", hint);
    }
}

/// The external networks, and their names on the engine.
fn external(reading: &mut Reading<'_>, entries: &[Entry]) -> BTreeMap<String, String> {
    let mut networks = BTreeMap::new();
    for entry in entries {
        let path = format!("networks.{}", entry.key);
        let (mut external, mut name) = (false, None);
        for option in reading.map(&entry.value, &path) {
            let (value, path) = (&option.value, format!("{path}.{}", option.key));
            match option.key.as_str() {
                "external" => external = reading.bool(value, &path).unwrap_or_default(),
                "name" => name = reading.text(value, &path),
                "driver" if reading.text(value, &path).as_deref() == Some("bridge") => {}
                "labels" => {}
                key if key.starts_with("x-") => {}
                _ => reading.unsupported(option.line, &path, ""),
            }
        }
        if external {
            networks.insert(entry.key.clone(), name.unwrap_or_else(|| entry.key.clone()));
        }
    }
    networks
}

/// The networks of a service with its aliases.
fn joined(reading: &mut Reading<'_>, service: &Node, path: &str) -> BTreeMap<String, Vec<String>> {
    let Some(node) = reading.get(service, path, "networks") else {
        return BTreeMap::new();
    };
    let path = format!("{path}.networks");
    let Value::Map(entries) = &node.value else {
        let names = reading.texts(node, &path).into_iter();
        return names.map(|name| (name, Vec::new())).collect();
    };
    let mut networks = BTreeMap::new();
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
        networks.insert(entry.key.clone(), aliases);
    }
    networks
}
