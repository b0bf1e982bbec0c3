//! Creates an environment from a snapshot.

use std::collections::BTreeSet;

use serde_json::Value;

use super::activation;
use super::contents::PartKind;
use super::left_out::LeftOut;
use super::manifest::{Part, Snapshot};
use super::progress::OnProgress;
use crate::engine::capabilities::IsolationLevel;
use crate::engines::VIRTUALENV;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::mount::MountSource;
use crate::spec::network::NetworkMode;
use crate::spec::security::SecuritySpec;
use crate::spec::variables::Variables;

/// How to restore a snapshot: [`Manager::restore`](crate::Manager::restore).
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The engine; by default that of the snapshot. `docker` and `sandbox` restore each other's
    /// snapshots of environments with an image.
    pub engine: Option<String>,
    /// The name of the new environment.
    pub name: Option<String>,
    /// How long the new environment lives.
    pub lifetime: Lifetime,
    /// Values of variables. A snapshot has their names, but not their values; a variable that is
    /// not given is not set, unless it activates a virtual environment of Python.
    pub env: Variables,
    /// Whether the specification of an imported snapshot may mount directories of this machine and
    /// volumes that it does not have itself, join networks, relax restrictions, set options of its
    /// engine, and run programs directly on this machine. Without it, such a snapshot is refused.
    pub trust: bool,
    /// Is called with the progress.
    pub progress: OnProgress,
}

/// A restored environment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Restored {
    /// The new environment. It is started.
    pub environment: Environment,
    /// The variables of the specification without a value, because the snapshot has no values and
    /// [`RestoreOptions::env`] gave none.
    pub missing_variables: Vec<String>,
    /// The parts of the specification that the engine lacks, if it is not that of the snapshot.
    pub lost: Vec<LeftOut>,
}

impl RestoreOptions {
    /// The specification of the new environment, and the variables without a value.
    pub(crate) fn spec(&self, snapshot: &Snapshot) -> Result<(EnvironmentSpec, Vec<String>)> {
        let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
        let manifest = &snapshot.manifest;
        let mut saved = manifest.spec.clone();
        let activation = activation::take(&mut saved.env);
        let mut value = serde_json::to_value(&saved).map_err(corrupt)?;
        let mut filling = Filling {
            given: &self.env,
            used: BTreeSet::new(),
            missing: BTreeSet::new(),
        };
        filling.fill(&mut value);
        let mut spec: EnvironmentSpec = serde_json::from_value(value).map_err(corrupt)?;
        spec.env.extend(
            activation
                .into_iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        for (name, value) in self.env.iter().filter(|(name, _)| !filling.used.contains(*name)) {
            spec.env.insert(name.clone(), value.clone());
        }
        spec.name.clone_from(&self.name);
        spec.lifetime = self.lifetime;
        spec.session = None;
        spec.group = None;
        // They are in the files.
        spec.copies.clear();
        spec.build = None;
        if snapshot.imported && !self.trust {
            refuse(&asks(&spec, &manifest.parts))?;
        }
        Ok((spec, filling.missing.into_iter().collect()))
    }

    /// Refuses an imported snapshot whose restore would run programs directly on this machine.
    pub(crate) fn check_programs(
        &self,
        snapshot: &Snapshot,
        spec: &EnvironmentSpec,
        engine: &str,
        isolation: IsolationLevel,
    ) -> Result<()> {
        if !snapshot.imported || self.trust || isolation != IsolationLevel::Process {
            return Ok(());
        }
        let value = serde_json::to_value(spec);
        let value = value.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
        let mut asks = Vec::new();
        programs(&value, &mut asks);
        if engine == VIRTUALENV {
            asks.push("run the programs of its virtual environment on this machine".to_owned());
        }
        refuse(&asks)
    }
}

/// Gives values to the variables of a specification.
struct Filling<'a> {
    given: &'a Variables,
    used: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Filling<'_> {
    fn fill(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    match field {
                        Value::Object(variables) if key == "env" => {
                            variables.retain(|name, value| match self.given.get(name) {
                                Some(given) => {
                                    *value = given.clone().into();
                                    self.used.insert(name.clone());
                                    true
                                }
                                None => {
                                    self.missing.insert(name.clone());
                                    false
                                }
                            });
                        }
                        field => self.fill(field),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            _ => {}
        }
    }
}

/// The requests that reach beyond the environment. The volumes among the parts of the snapshot are
/// its own.
fn asks(spec: &EnvironmentSpec, parts: &[Part]) -> Vec<String> {
    let mut asks = Vec::new();
    let target = |text: &str| text.trim_end_matches('/').to_owned();
    let own = parts.iter().filter_map(|part| match &part.kind {
        PartKind::Volume { target: at, .. } => Some(target(at)),
        PartKind::Root => None,
    });
    let own: BTreeSet<String> = own.collect();
    for mount in &spec.mounts {
        match &mount.source {
            MountSource::Host(path) => asks.push(format!("mount {} at {}", path.display(), mount.target)),
            MountSource::Volume(name) if !own.contains(&target(&mount.target)) => {
                asks.push(format!("mount the volume {name} at {}", mount.target));
            }
            _ => {}
        }
    }
    if spec.security != SecuritySpec::default() {
        asks.push("change the restrictions".to_owned());
    }
    if !spec.network.expose_host.is_empty() {
        asks.push("reach ports of this machine".to_owned());
    }
    let of_others = |name: &&String| !spec.network.own.contains_key(*name);
    let joined = match &spec.network.mode {
        NetworkMode::Named(name) => Some(name),
        _ => None,
    };
    for name in joined.into_iter().chain(&spec.network.join).filter(of_others) {
        asks.push(format!("join the network {name}"));
    }
    if let NetworkMode::Environment(id) = &spec.network.mode {
        asks.push(format!("use the network of the environment {id}"));
    }
    for engine in spec.engine_options.keys() {
        asks.push(format!("set options of the engine {engine}"));
    }
    asks
}

/// The commands of a specification: of the main process, of checks and of the condition.
fn programs(value: &Value, asks: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(program) = fields.get("argv").and_then(|words| words.get(0)?.as_str()) {
                asks.push(format!("run {program:?} on this machine"));
            }
            fields.values().for_each(|field| programs(field, asks));
        }
        Value::Array(items) => items.iter().for_each(|item| programs(item, asks)),
        _ => {}
    }
}

fn refuse(asks: &[String]) -> Result<()> {
    match asks.is_empty() {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "the snapshot was imported, and its specification would {}; restore it with --trust \
             if you know where it comes from",
            asks.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(spec: &str, given: &[(&str, &str)]) -> (Value, Vec<String>) {
        let given: Variables = given.iter().copied().collect();
        let mut filling = Filling {
            given: &given,
            used: BTreeSet::new(),
            missing: BTreeSet::new(),
        };
        let mut value = serde_json::from_str(spec).unwrap();
        filling.fill(&mut value);
        (value, filling.missing.into_iter().collect())
    }

    #[test]
    fn variables_get_their_values_in_every_place() {
        let spec = r#"{"env": {"A": ""}, "ready": {"all": [{"command": {"argv": ["x"],
            "env": {"B": "", "A": ""}}}]}}"#;
        let (value, missing) = filled(spec, &[("A", "1")]);
        assert_eq!(value["env"]["A"], "1");
        assert_eq!(value["ready"]["all"][0]["command"]["env"]["A"], "1");
        assert_eq!(missing, ["B"]);
        assert!(value["ready"]["all"][0]["command"]["env"].get("B").is_none());
    }

    #[test]
    fn imported_specification_reaches_nothing_outside() {
        for (json, why) in [
            (
                r#"{"mounts": [{"source": {"host": "/"}, "target": "/host"}]}"#,
                "mount / at /host",
            ),
            (
                r#"{"engine_options": {"docker": {"init": true}}}"#,
                "options of the engine docker",
            ),
            (
                r#"{"security": {"add_capabilities": ["SYS_ADMIN"]}}"#,
                "change the restrictions",
            ),
            (
                r#"{"network": {"expose_host": [5432]}}"#,
                "reach ports of this machine",
            ),
            (
                r#"{"mounts": [{"source": {"volume": "theirs"}, "target": "/data"}]}"#,
                "mount the volume theirs at /data",
            ),
            (
                r#"{"network": {"mode": {"named": "host"}}}"#,
                "join the network host",
            ),
            (r#"{"network": {"join": ["theirs"]}}"#, "join the network theirs"),
            (
                r#"{"network": {"mode": {"environment": "0123456789abcdef"}}}"#,
                "the network of the environment 0123456789abcdef",
            ),
        ] {
            let spec = EnvironmentSpec::from_json(json).unwrap();
            let error = refuse(&asks(&spec, &[])).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        for own in [
            r#"{"mounts": [{"source": {"tmpfs": {}}, "target": "/t"}], "image": "x"}"#,
            r#"{"mounts": [{"source": {"volume": "own"}, "target": "/data/"}]}"#,
            r#"{"network": {"mode": {"named": "a"}, "own": {"a": {}}}}"#,
        ] {
            let spec = EnvironmentSpec::from_json(own).unwrap();
            assert_eq!(asks(&spec, &[volume("/data")]), [""; 0], "{own}");
        }
    }

    fn volume(target: &str) -> Part {
        let json = serde_json::json!({
            "name": format!("volume:{target}"), "entries": 0, "bytes": 0, "tree": [],
            "kind": {"volume": {"target": target, "volume": "v", "read_only": false}},
        });
        serde_json::from_value(json).unwrap()
    }

    /// The restore itself ran them, with all rights of the user.
    #[test]
    fn imported_snapshot_runs_nothing_on_this_machine() {
        let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = super::super::SnapshotStore::open(Some(kept.path())).unwrap();
        let saved = super::super::store::tests::save(&store, "one", directory.path());
        let mut snapshot = saved.unwrap();
        let options = |trust| RestoreOptions {
            trust,
            ..RestoreOptions::default()
        };
        let (process, container) = (IsolationLevel::Process, IsolationLevel::Container);
        for json in [
            r#"{"main": {"command": {"argv": ["evil"]}}}"#,
            r#"{"health": {"check": {"argv": ["evil"]}}}"#,
            r#"{"ready": {"wait_for": {"all": [{"command": {"argv": ["evil"]}}]}}}"#,
        ] {
            let spec = EnvironmentSpec::from_json(json).unwrap();
            let mut check = |imported, trust, isolation| {
                snapshot.imported = imported;
                options(trust).check_programs(&snapshot, &spec, "basic", isolation)
            };
            check(false, false, process).unwrap();
            check(true, true, process).unwrap();
            check(true, false, container).unwrap();
            let error = check(true, false, process).unwrap_err().to_string();
            assert!(error.contains("run \"evil\" on this machine"), "{error}");
        }
        let plain = EnvironmentSpec::default();
        snapshot.imported = true;
        let check = |engine| options(false).check_programs(&snapshot, &plain, engine, process);
        check("basic").unwrap();
        let error = check(VIRTUALENV).unwrap_err().to_string();
        assert!(error.contains("its virtual environment"), "{error}");
    }

    #[test]
    fn variable_that_the_snapshot_lacks_is_added() {
        let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = super::super::SnapshotStore::open(Some(kept.path())).unwrap();
        let saved = super::super::store::tests::save(&store, "one", directory.path());
        let options = RestoreOptions {
            env: [("NEW", "1")].into(),
            ..RestoreOptions::default()
        };
        let mut saved = saved.unwrap();
        let (spec, missing) = options.spec(&saved).unwrap();
        assert_eq!(spec.env.get("NEW").map(String::as_str), Some("1"));
        assert!(missing.is_empty());
        // A virtual environment stays active, unless the caller gives another path.
        let activated = [("PATH", "/work/.venv/bin:/bin"), ("VIRTUAL_ENV", "/work/.venv")];
        saved.manifest.spec.env = activated.into_iter().chain([("TOKEN", "")]).collect();
        let (spec, missing) = options.spec(&saved).unwrap();
        assert_eq!(
            (&spec.env["PATH"], &spec.env["VIRTUAL_ENV"]),
            (&activated[0].1.into(), &activated[1].1.into())
        );
        assert_eq!(missing, ["TOKEN"]);
        let other = RestoreOptions {
            env: [("PATH", "/bin")].into(),
            ..RestoreOptions::default()
        };
        let (spec, _) = other.spec(&saved).unwrap();
        assert_eq!(spec.env["PATH"], "/bin");
    }

    #[test]
    fn imported_specification_is_used_if_it_is_trusted() {
        let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = super::super::SnapshotStore::open(Some(kept.path())).unwrap();
        let saved = super::super::store::tests::save(&store, "one", directory.path());
        let mut snapshot = saved.unwrap();
        let spec = r#"{"mounts": [{"source": {"host": "/"}, "target": "/host"}]}"#;
        snapshot.manifest.spec = EnvironmentSpec::from_json(spec).unwrap();
        let spec_with = |snapshot: &Snapshot, trust| {
            let options = RestoreOptions {
                trust,
                ..RestoreOptions::default()
            };
            options.spec(snapshot).map(|(spec, _)| spec.mounts.len())
        };
        assert_eq!(spec_with(&snapshot, false).unwrap(), 1, "it is one of this user");
        snapshot.imported = true;
        assert_eq!(spec_with(&snapshot, true).unwrap(), 1);
        let error = spec_with(&snapshot, false).unwrap_err();
        assert!(error.to_string().contains("mount / at /host"), "{error}");
    }
}
