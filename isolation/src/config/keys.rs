//! The keys of a configuration, and the errors for unknown keys.

use serde_json::Value;

use super::Config;
use crate::manager::registry::EngineSettings;
use crate::short::short;
use crate::spec::json_file::{self, Fault};
use crate::spec::json_strict;
use crate::spec::json_words::LONGEST_WORD;

/// Every key, in the order of lists. A key in a section is written `section.key`.
pub(super) const KEYS: [&str; 25] = [
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
    "docker.published_host",
    "docker.resource_limits.memory",
    "docker.resource_limits.cpus",
    "docker.resource_limits.pids",
    "docker.resource_limits.disk",
];

/// The section of engines by name.
const ENGINES: &str = "engines";

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

/// The faults of a configuration that has the current format, each with its key: unknown keys,
/// sections that are not objects, values of a wrong type or out of range.
pub(super) fn faults(config: &Value) -> Vec<Fault> {
    let mut found = Vec::new();
    section_faults(config, "", &mut found);
    found
}

fn fault(path: &str, why: impl Into<String>) -> Fault {
    Fault {
        path: path.to_owned(),
        why: why.into(),
    }
}

fn section_faults(section: &Value, path: &str, found: &mut Vec<Fault>) {
    let Value::Object(entries) = section else {
        return found.push(fault(path, "a JSON object is expected"));
    };
    for (name, value) in entries {
        let key = section_key(path, name);
        if key == ENGINES {
            engine_faults(value, found);
        } else if SECTIONS.contains(&key.as_str()) {
            section_faults(value, &key, found);
        } else if KEYS.contains(&key.as_str()) {
            value_faults(&key, value, found);
        } else {
            found.push(fault(&section_key(path, &short(name)), unknown(&key)));
        }
    }
}

fn section_key(section: &str, name: &str) -> String {
    match section {
        "" => name.to_owned(),
        section => format!("{section}.{name}"),
    }
}

/// The faults of one value, which is read as if no other one were in the file.
fn value_faults(key: &str, value: &Value, found: &mut Vec<Fault>) {
    let parts = key.rsplit('.');
    let alone = parts.fold(value.clone(), |value, part| serde_json::json!({ part: value }));
    let before = found.len();
    found.extend(json_file::faults::<Config>(&alone));
    if found.len() > before {
        return;
    }
    let valid = json_strict::from_value::<Config>(&alone).map(|config| config.validate());
    if let Ok(Err(error)) = valid {
        // An error that is not a list of others is the only one.
        let failures = Some(error.failures()).filter(|failures| !failures.is_empty());
        let all = failures.unwrap_or(std::slice::from_ref(&error));
        found.extend(all.iter().map(|error| fault(key, error.to_string())));
    }
}

fn engine_faults(engines: &Value, found: &mut Vec<Fault>) {
    let Value::Object(entries) = engines else {
        return found.push(fault(ENGINES, "a JSON object is expected"));
    };
    for (name, settings) in entries {
        let faults = json_file::faults::<EngineSettings>(settings).into_iter();
        found.extend(faults.map(|fault| fault.below(&format!("{ENGINES}.{}", short(name)))));
    }
}

fn unknown(key: &str) -> String {
    match nearest(key) {
        Some(known) => format!("unknown key; did you mean {known:?}?"),
        None => format!("unknown key; the keys are {}", KEYS.join(", ")),
    }
}

/// The most similar known key: its last word differs least, or contains the other.
fn nearest(key: &str) -> Option<&'static str> {
    fn last(key: &str) -> &str {
        key.rsplit('.').next().unwrap_or(key)
    }
    let word = Some(last(key)).filter(|word| word.len() <= LONGEST_WORD)?;
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
        let text = |value: Value| {
            let found = faults(&value);
            assert_eq!(found.len(), 1, "{found:?}");
            format!("{}: {}", found[0].path, found[0].why)
        };
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
        assert_eq!(text(json!([])), ": a JSON object is expected");
        assert_eq!(text(json!({"docker": 1})), "docker: a JSON object is expected");
    }

    #[test]
    fn every_fault_of_a_value_is_reported() {
        let found = faults(&json!({"engines": 1}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].path.as_str(), found[0].why.as_str()),
            ("engines", "a JSON object is expected")
        );
    }

    #[test]
    fn engine_that_is_missing_may_be_disabled() {
        let mut registry = crate::Registry::new();
        let with = |enabled| {
            let text = format!(r#"{{"engines": {{"no-such": {{"enabled": {enabled}}}}}}}"#);
            Config::from_json(&text).unwrap()
        };
        with(false).configure(&mut registry).unwrap();
        let error = with(true).configure(&mut registry).unwrap_err();
        assert!(error.to_string().contains("no-such"), "{error}");
    }
}
