//! The keys of a configuration, and the errors for unknown keys.

use serde_json::Value;

use crate::error::{Error, Result};

/// Every key, in the order of lists. A key in a section is written `section.key`.
pub(super) const KEYS: [&str; 24] = [
    "version",
    "engine",
    "require",
    "timeout",
    "pool",
    "engines",
    "docker.docker_host",
    "docker.default_image",
    "docker.default_registry",
    "docker.pull",
    "docker.pull_timeout",
    "docker.build_timeout",
    "docker.container_timeout",
    "docker.container_prefix",
    "docker.registry_mirror",
    "docker.image_prefix",
    "docker.network_subnet",
    "docker.network_prefix",
    "docker.volume_base_path",
    "docker.volume_prefix",
    "docker.resource_limits.memory",
    "docker.resource_limits.cpus",
    "docker.resource_limits.pids",
    "docker.resource_limits.disk",
];

/// The section of engines by name, and the keys of each.
const ENGINES: &str = "engines";
const OF_ENGINE: [&str; 2] = ["enabled", "priority"];

/// The sections.
const SECTIONS: [&str; 2] = ["docker", "docker.resource_limits"];

/// Whether a key is one of the section `docker`.
pub(super) fn is_of_docker(key: &str) -> bool {
    let in_section = |known: &&str| {
        known
            .strip_prefix("docker.")
            .is_some_and(|rest| first(rest) == key)
    };
    KEYS.iter().any(in_section)
}

fn first(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// Rejects unknown keys.
pub(super) fn check(config: &Value) -> Result<()> {
    check_section(config, "")
}

fn check_section(section: &Value, path: &str) -> Result<()> {
    let Value::Object(entries) = section else {
        let what = match path {
            "" => "the configuration".to_owned(),
            path => format!("the value of {path:?}"),
        };
        return Err(Error::invalid(format!("{what} must be a JSON object")));
    };
    for (name, value) in entries {
        let key = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        if key == ENGINES {
            check_engines(value)?;
        } else if SECTIONS.contains(&key.as_str()) {
            check_section(value, &key)?;
        } else if !KEYS.contains(&key.as_str()) {
            return Err(unknown(&key));
        }
    }
    Ok(())
}

fn check_engines(engines: &Value) -> Result<()> {
    let object = |value: &Value, path: &str| match value {
        Value::Object(entries) => Ok(entries.clone()),
        _ => Err(Error::invalid(format!(
            "the value of {path:?} must be a JSON object"
        ))),
    };
    for (name, engine) in object(engines, ENGINES)? {
        for key in object(&engine, &format!("{ENGINES}.{name}"))?.keys() {
            if !OF_ENGINE.contains(&key.as_str()) {
                let distance = |known: &&str| strsim::damerau_levenshtein(known, key);
                let nearest = OF_ENGINE.into_iter().min_by_key(distance).unwrap_or_default();
                let why = format!("unknown key \"{ENGINES}.{name}.{key}\"; did you mean {nearest:?}?");
                return Err(Error::invalid(why));
            }
        }
    }
    Ok(())
}

fn unknown(key: &str) -> Error {
    let hint = match nearest(key) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("the keys are {}", KEYS.join(", ")),
    };
    Error::invalid(format!("unknown key {key:?}; {hint}"))
}

/// The most similar known key: its last word differs least, or contains the other.
fn nearest(key: &str) -> Option<&'static str> {
    fn last(key: &str) -> &str {
        key.rsplit('.').next().unwrap_or(key)
    }
    let word = last(key);
    let distance = |known: &&'static str| strsim::damerau_levenshtein(last(known), word);
    let similar = KEYS.into_iter().map(|known| (distance(&known), known));
    let similar = similar
        .filter(|(edits, known)| edits * 3 <= last(known).len())
        .min();
    let contains = |known: &&str| word.len() > 3 && last(known).split('_').any(|part| part == word);
    similar
        .map(|(_, known)| known)
        .or_else(|| KEYS.into_iter().find(contains))
}

/// The value of a key.
pub(super) fn value<'a>(config: &'a Value, key: &str) -> Option<&'a Value> {
    config.pointer(&format!("/{}", key.replace('.', "/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_key_is_rejected_with_the_nearest_one() {
        let text = |value: Value| check(&value).unwrap_err().to_string();
        for (value, known) in [
            (json!({"engin": 1}), "engine"),
            (json!({"Engine": 1}), "engine"),
            (json!({"image": 1}), "docker.default_image"),
            (json!({"host": 1}), "docker.docker_host"),
            (json!({"pull": 1}), "docker.pull"),
            (json!({"docker": {"default_imgae": 1}}), "docker.default_image"),
            (json!({"docker": {"prefix": 1}}), "docker.container_prefix"),
            (json!({"docker": {"mirror": 1}}), "docker.registry_mirror"),
            (json!({"memory": 1}), "docker.resource_limits.memory"),
            (
                json!({"docker": {"resource_limits": {"cpu": 1}}}),
                "docker.resource_limits.cpus",
            ),
        ] {
            let text = text(value);
            assert!(text.ends_with(&format!("did you mean {known:?}?")), "{text}");
        }
        assert!(text(json!({"colour": 1})).contains("the keys are version, engine"));
        assert!(text(json!([])).contains("the configuration must be a JSON object"));
        assert!(text(json!({"docker": 1})).contains("\"docker\" must be a JSON object"));
    }
}
