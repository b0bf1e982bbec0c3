//! The specification of a group.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::environment::id::EnvironmentId;
use crate::error::{Error, Result};
use crate::short::short;
use crate::spec::EnvironmentSpec;
use crate::spec::json_file::{self, Fault};
use crate::spec::main_process::Main;
use crate::spec::network::NetworkMode;
use crate::spec::own_network::OwnNetwork;
use crate::spec::validate::{self, Faults};
use crate::spec::variables::Variables;

/// Several environments that belong together: services, and the order in which they start.
///
/// ```
/// let shop = isolation::GroupSpec::from_json(r#"{
///     "name": "shop",
///     "services": {
///         "db": {"image": "postgres:16", "ready": {"wait_for": {"port": 5432}}},
///         "migrate": {"image": "shop", "main": {"command": {"argv": ["./migrate"]}},
///                     "depends_on": {"db": "ready"}},
///         "web": {"image": "shop", "depends_on": {"migrate": "completed"},
///                 "network": {"ports": [80]}}
///     }
/// }"#)?;
/// assert_eq!(shop.services["web"].depends_on.len(), 1);
/// # isolation::Result::Ok(())
/// ```
///
/// In JSON, a service is a specification with the field `depends_on`. Its main process is the
/// image's own program unless `main` is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSpec {
    /// The name of the group, by which other processes find it.
    pub name: String,
    /// The services by name. On the network of the group, that name is the host name.
    pub services: BTreeMap<String, Service>,
    /// Networks that are created for the group, and removed with it: [`NetworkMode::Named`] and
    /// [`NetworkSpec::join`](crate::NetworkSpec::join) of a service name them. The network
    /// `default` is that of services that name none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, OwnNetwork>,
    /// Volumes of the group, which mounts of the services name. Those of a group that is kept stay
    /// after its end, and a group of the same name gets them again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, GroupVolume>,
    /// Contents of files that services read, such as secrets, by a name: [`Service::files`]. They
    /// are in no label, and `Debug` does not print them.
    #[serde(skip_serializing_if = "no_files")]
    pub files: Variables,
}

fn no_files(files: &Variables) -> bool {
    files.is_empty()
}

/// A volume of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupVolume {
    /// The name on the engine; by default, the engine chooses a unique one. A volume of somebody
    /// else with this name is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The network of services that name none, if the group has other ones.
pub(crate) const DEFAULT_NETWORK: &str = "default";

/// A service of a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    /// The environment. Its name consists of the names of the group and the service.
    #[serde(flatten)]
    pub environment: EnvironmentSpec,
    /// The services on which it depends, and their required state. The service whose network it has
    /// ([`NetworkMode::Environment`]) must have started, also if it is not named here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on: BTreeMap<String, Dependency>,
    /// Files of [`GroupSpec::files`], by their absolute paths inside: mounts that can only be read.
    /// The files are in the state directory of this user, and removed with the environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// The state that a service must have before a service that depends on it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependency {
    /// It has started.
    Started,
    /// It is ready: [`EnvironmentSpec::ready`].
    #[default]
    Ready,
    /// Its main process has exited with code 0.
    Completed,
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        // A flattened struct could not reject unknown fields.
        let mut fields = serde_json::Map::deserialize(from)?;
        let depends_on = match fields.remove("depends_on") {
            Some(value) => serde_json::from_value(value).map_err(D::Error::custom)?,
            None => BTreeMap::new(),
        };
        let files = match fields.remove("files") {
            Some(value) => serde_json::from_value(value).map_err(D::Error::custom)?,
            None => BTreeMap::new(),
        };
        let has_main = fields.contains_key("main");
        let mut environment: EnvironmentSpec =
            serde_json::from_value(fields.into()).map_err(D::Error::custom)?;
        if !has_main {
            environment.main = Main::Image;
        }
        Ok(Self {
            environment,
            depends_on,
            files,
        })
    }
}

/// Every fault of a group in JSON. Those of the services are found in each service, whose fields
/// are those of two types.
fn faults(group: &Value) -> Vec<Fault> {
    let mut group = group.clone();
    let services = group.get_mut("services").map(Value::take);
    let mut found = Vec::new();
    match services {
        Some(Value::Object(services)) => {
            for (name, service) in services {
                let below = |fault: Fault| fault.below(&format!("services.{}", short(&name)));
                found.extend(service_faults(service).into_iter().map(below));
            }
            group["services"] = Value::Object(serde_json::Map::new());
        }
        Some(other) => group["services"] = other,
        None => {}
    }
    let mut all = json_file::faults::<GroupSpec>(&group);
    all.append(&mut found);
    all
}

fn service_faults(mut service: Value) -> Vec<Fault> {
    if !service.is_object() {
        // The type of its fields could be read from a list, too.
        return json_file::faults::<serde_json::Map<String, Value>>(&service);
    }
    let mut remove = |field: &str| service.as_object_mut().and_then(|fields| fields.remove(field));
    let (depends_on, files) = (remove("depends_on"), remove("files"));
    let mut found = json_file::faults::<EnvironmentSpec>(&service);
    if let Some(depends_on) = depends_on {
        let faults = json_file::faults::<BTreeMap<String, Dependency>>(&depends_on);
        found.extend(faults.into_iter().map(|fault| fault.below("depends_on")));
    }
    if let Some(files) = files {
        let faults = json_file::faults::<BTreeMap<String, String>>(&files);
        found.extend(faults.into_iter().map(|fault| fault.below("files")));
    }
    found
}

impl GroupSpec {
    /// Reads a specification from JSON.
    ///
    /// # Errors
    ///
    /// The error lists every unknown or invalid field with its path ([`Error::failures`]), or names
    /// the line of a text that is not JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        json_file::read(text, faults).map_err(|error| error.during("read the group", ""))
    }

    /// Rejects a group that cannot start: invalid names and specifications, unknown services,
    /// services that depend on each other. The error lists every fault.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Faults::default();
        faults.add(validate::name(&self.name).map_err(|error| error.during("use the name of the group", "")));
        if self.services.is_empty() {
            faults.add(Err(Error::invalid("the group has no services; name one")));
        }
        for (name, service) in &self.services {
            faults.add(service.check(name, self));
        }
        let networks = self.networks.keys().map(|name| ("network", name));
        let named = self.volumes.values().filter_map(|volume| volume.name.as_ref());
        let volumes = self.volumes.keys().chain(named).map(|name| ("volume", name));
        let files = self.files.keys().map(|name| ("file", name));
        for (what, name) in networks.chain(volumes).chain(files) {
            faults.add(validate::name(name).map_err(|_| {
                Error::invalid(format!(
                    "{name:?} is not the name of a {what}; {}",
                    validate::NAME_RULE,
                    name = short(name)
                ))
            }));
        }
        if let Err(cycle) = self.clone().with_implied().ranks() {
            faults.add(Err(cycle));
        }
        faults
            .into_result()
            .map_err(|error| error.during("start the group", &self.name))
    }

    /// With the dependencies that the networks imply.
    pub(crate) fn with_implied(mut self) -> Self {
        let names: BTreeSet<String> = self.services.keys().cloned().collect();
        for service in self.services.values_mut() {
            let other = service.environment.network.shares_with();
            if let Some(other) = other.filter(|other| names.contains(*other)).map(str::to_owned) {
                service.depends_on.entry(other).or_insert(Dependency::Started);
            }
        }
        self
    }

    /// For each service, the length of the longest chain of services on which it depends.
    pub(crate) fn ranks(&self) -> Result<BTreeMap<&str, u32>> {
        let mut ranks = BTreeMap::<&str, u32>::new();
        let known = |name: &&String| self.services.contains_key(*name);
        while ranks.len() < self.services.len() {
            let before = ranks.len();
            for (name, service) in &self.services {
                let needed = service.depends_on.keys().filter(known);
                let ranked: Option<Vec<u32>> = needed.map(|one| ranks.get(one.as_str()).copied()).collect();
                if let (Some(ranked), false) = (ranked, ranks.contains_key(name.as_str())) {
                    ranks.insert(name, ranked.into_iter().max().map_or(0, |rank| rank + 1));
                }
            }
            if ranks.len() == before {
                let why = format!(
                    "services depend on each other: {}; remove one dependency",
                    self.cycle(&ranks).join(" -> ")
                );
                return Err(Error::invalid(why));
            }
        }
        Ok(ranks)
    }
}

impl GroupSpec {
    /// A network that is created for the group.
    fn network(&self, name: &str) -> Option<OwnNetwork> {
        let implied = !self.networks.is_empty() && name == DEFAULT_NETWORK;
        let declared = self.networks.get(name).cloned();
        declared.or_else(|| implied.then(OwnNetwork::default))
    }

    /// One of the cycles, among the services that have no rank: each depends on the next.
    fn cycle(&self, ranks: &BTreeMap<&str, u32>) -> Vec<&str> {
        let is_left = |name: &str| self.services.contains_key(name) && !ranks.contains_key(name);
        let mut path: Vec<&str> = Vec::new();
        let mut next = self
            .services
            .keys()
            .map(String::as_str)
            .find(|name| is_left(name));
        // Every remaining service depends on another remaining one.
        while let Some(name) = next.filter(|name| !path.contains(name)) {
            path.push(name);
            let mut needed = self.services[name].depends_on.keys().map(String::as_str);
            next = needed.find(|needed| is_left(needed));
        }
        let first = path.iter().position(|known| Some(*known) == next);
        path.extend(next);
        path.split_off(first.unwrap_or_default())
    }
}

impl Service {
    /// The environment as a member of a group has it: aliases are names on the group's network, and
    /// the networks that the group creates are its own.
    pub(crate) fn in_group(&self, group: &GroupSpec) -> EnvironmentSpec {
        let mut environment = self.environment.clone();
        let network = &mut environment.network;
        if network.mode == NetworkMode::Default {
            if !group.networks.is_empty() {
                network.mode = NetworkMode::Named(DEFAULT_NETWORK.to_owned());
            } else if !network.aliases.is_empty() {
                network.mode = NetworkMode::Private;
            }
        }
        let main = match &network.mode {
            NetworkMode::Named(name) => Some(name),
            _ => None,
        };
        let mut created = BTreeMap::new();
        for name in network.join.iter().chain(main) {
            if let Some(declared) = group.network(name) {
                created.insert(name.clone(), declared);
            }
        }
        for (name, declared) in created {
            network.own.entry(name).or_insert(declared);
        }
        environment
    }

    fn check(&self, name: &str, group: &GroupSpec) -> Result<()> {
        let mut faults = Faults::default();
        faults.add(validate::name(name));
        let environment = self.in_group(group);
        faults.add(environment.validate());
        for name in self.environment.network.own.keys() {
            if group.network(name).is_some() {
                let why = format!("the network {name} is one of the group, too; choose another name");
                faults.add(Err(Error::invalid(why)));
            }
        }
        if let Some(other) = environment.network.shares_with() {
            if !group.services.contains_key(other) && other.parse::<EnvironmentId>().is_err() {
                let why = format!(
                    "{other:?}, whose network it has, is neither a service nor the ID of an environment"
                );
                faults.add(Err(Error::invalid(why)));
            }
        }
        if let Some(given) = &self.environment.name {
            let why = format!("the name {given:?} of a service comes from the group; remove it");
            faults.add(Err(Error::invalid(why)));
        }
        for (target, file) in &self.files {
            if !group.files.contains_key(file) {
                let why = format!("the group has no file {file:?} for {target}; add it to its files");
                faults.add(Err(Error::invalid(why)));
            }
            if !target.starts_with('/') {
                let why = format!("the path {target:?} of a file is not absolute; begin it with /");
                faults.add(Err(Error::invalid(why)));
            }
        }
        for (needed, dependency) in &self.depends_on {
            let Some(service) = group.services.get(needed) else {
                let known: Vec<&str> = group.services.keys().map(String::as_str).collect();
                let why = format!(
                    "it depends on the unknown service {needed:?}; services: {}",
                    known.join(", ")
                );
                faults.add(Err(Error::invalid(why)));
                continue;
            };
            if *dependency == Dependency::Completed && service.environment.main == Main::Idle {
                let why =
                    format!("it waits for the end of {needed}, which has no main process; set its main");
                faults.add(Err(Error::invalid(why)));
            }
        }
        faults
            .into_result()
            .map_err(|error| Error::invalid(format!("service {name}: {error}")))
    }
}

#[cfg(test)]
mod tests;
