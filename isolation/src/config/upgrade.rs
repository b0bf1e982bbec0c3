//! Reads the formats that are older than [`VERSION`](super::VERSION).
//!
//! Version 0 has no sections: the keys of the engine `docker` are at the top level.

use serde_json::{Map, Value};

use super::keys;
use crate::error::{Error, Result};
use crate::spec::json_file::Fault;

/// The name of the section of the engine `docker`.
const DOCKER: &str = "docker";

/// Converts a configuration of an older version to the current format. Returns the old version.
pub(super) fn upgrade(config: &mut Value) -> Result<u32> {
    let Some(entries) = config.as_object_mut() else {
        // The check of the keys rejects it.
        return Ok(super::VERSION);
    };
    let version = match entries.get("version") {
        None => None,
        Some(version) => match version.as_u64().and_then(|version| u32::try_from(version).ok()) {
            Some(version) => Some(version),
            None => {
                return Err(Error::invalid(format!(
                    "the version must be a whole number, not {version}"
                )));
            }
        },
    };
    let flat = entries.keys().any(|key| keys::is_of_docker(key));
    match version {
        Some(0) => {}
        None if flat && !entries.contains_key(DOCKER) => {}
        Some(version) => return Ok(version),
        None => return Ok(super::VERSION),
    }
    let mut docker = Map::new();
    for key in entries.keys().cloned().collect::<Vec<_>>() {
        if keys::is_of_docker(&key) {
            docker.extend(entries.remove_entry(&key));
        }
    }
    if let Some(nested) = entries.insert(DOCKER.to_owned(), docker.into()) {
        let why =
            format!("version 0 has no sections; move the keys of {DOCKER:?} to the top, or write version 1");
        entries.insert(DOCKER.to_owned(), nested);
        return Err(Error::invalid(why));
    }
    entries.insert("version".to_owned(), super::VERSION.into());
    Ok(0)
}

/// Changes the path of a fault to that of the key in a file of version 0.
pub(super) fn as_in_the_file(fault: &mut Fault) {
    if let Some(key) = fault
        .path
        .strip_prefix(DOCKER)
        .and_then(|key| key.strip_prefix('.'))
    {
        fault.path = key.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use serde_json::json;

    /// The dictionary of the plan, with its defaults.
    fn plan() -> Value {
        json!({
            "docker_host": "unix:///var/run/docker.sock",
            "default_image": "python:3.9-slim",
            "default_registry": "docker.io",
            "network_subnet": "172.20.0.0/16",
            "volume_base_path": "/var/lib/ptest/volumes",
            "container_timeout": 300,
            "pull_timeout": 600,
            "build_timeout": 1800,
            "resource_limits": {"memory": "512m", "cpus": "1.0", "disk": "10g"},
            "network_prefix": "ptest_",
            "volume_prefix": "ptest_vol_",
        })
    }

    #[test]
    fn dictionary_of_the_plan_is_the_default() {
        for text in [plan(), json!({ "docker": plan() })] {
            let mut config = Config::from_json(&text.to_string()).unwrap();
            assert_eq!(
                config.docker.docker_host.take().as_deref(),
                Some("unix:///var/run/docker.sock")
            );
            assert_eq!(config.over(Config::defaults()), Config::defaults());
        }
    }

    #[test]
    fn version_0_becomes_the_current_one() {
        let mut old = plan();
        old["version"] = 0.into();
        old["engine"] = "docker".into();
        assert_eq!(upgrade(&mut old).unwrap(), 0);
        assert_eq!(
            (&old["version"], &old["engine"]),
            (&json!(super::super::VERSION), &json!("docker"))
        );
        assert_eq!(old["docker"], plan());
        let again = old.clone();
        assert_eq!(upgrade(&mut old).unwrap(), super::super::VERSION);
        assert_eq!(old, again);
        // No object: the check of the keys names the fault.
        let mut list = json!([]);
        assert_eq!(upgrade(&mut list).unwrap(), super::super::VERSION);
        assert_eq!(list, json!([]));
    }

    #[test]
    fn mixed_forms_and_invalid_versions_are_rejected() {
        for (value, words) in [
            (json!({"version": "1"}), "whole number"),
            (json!({"version": -1}), "whole number"),
            (json!({"version": 0, "docker": {}}), "no sections"),
            (
                json!({"version": 1, "default_image": "x"}),
                "did you mean \"docker.default_image\"?",
            ),
            (
                json!({"docker": {}, "default_image": "x"}),
                "did you mean \"docker.default_image\"?",
            ),
            (json!({"version": 9}), "reads the versions up to 1"),
            (
                json!({"default_image": "x", "network_prefx": "y"}),
                "did you mean \"docker.network_prefix\"?",
            ),
        ] {
            let error = Config::from_json(&value.to_string()).unwrap_err().to_string();
            assert!(error.contains(words), "{value}: {error}");
        }
    }
}
