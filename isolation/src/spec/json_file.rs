//! Reads values that people write as JSON, and finds every fault at once.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::json_strict::Strict;
use super::json_words;
use super::validate::Faults;
use crate::error::{Error, Result};
use crate::short::{short, short_path};

/// The maximum number of faults that are listed.
const MOST: usize = 100;

/// A fault of a value, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The path of the key, such as `mounts[0].target`; empty for the whole value.
    pub(crate) path: String,
    pub(crate) why: String,
}

impl Fault {
    /// The same fault in a part of a larger value.
    pub(crate) fn below(self, parent: &str) -> Self {
        let path = match self.path.as_str() {
            "" => parent.to_owned(),
            path if path.starts_with('[') => format!("{parent}{path}"),
            path => format!("{parent}.{path}"),
        };
        Self { path, ..self }
    }
}

/// Reads a value in which `faults` finds nothing wrong.
///
/// # Errors
///
/// The error lists every fault with its path; for a text that is not JSON, it names the line.
pub(crate) fn read<T: DeserializeOwned>(text: &str, faults: impl FnOnce(&Value) -> Vec<Fault>) -> Result<T> {
    let found = faults(&parse(text)?);
    if !found.is_empty() {
        return Err(listed(found));
    }
    // Only the text can have other faults, such as a key that it contains twice.
    serde_json::from_str(text).map_err(|error| Error::invalid(json_words::plain(&error.to_string())))
}

/// Reads JSON of any form.
pub(crate) fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::invalid(format!("it is not JSON: {error}")))
}

/// The error that lists these faults.
pub(crate) fn listed(found: Vec<Fault>) -> Error {
    let mut faults = Faults::default();
    for Fault { path, why } in found {
        faults.add(Err(Error::invalid(match path.as_str() {
            "" => why,
            path => format!("{}: {why}", short_path(path)),
        })));
    }
    let error = faults.into_result().err();
    error.unwrap_or_else(|| Error::invalid("it is invalid"))
}

/// Every fault of a value that is read as `T`: unknown and missing keys, values of another type or
/// out of range, lists in the place of objects.
pub(crate) fn faults<T: DeserializeOwned>(value: &Value) -> Vec<Fault> {
    let (mut value, mut found, mut removed) = (value.clone(), Vec::new(), Removed::default());
    while found.len() < MOST {
        let Err(error) = serde_path_to_error::deserialize::<_, T>(Strict(&value)) else {
            break;
        };
        let (path, message) = (error.path(), error.inner().to_string());
        let path = Steps::of(path);
        let missing = json_words::missing(&message);
        let key = missing.map(|key| removed.original(&path).key(key));
        // It is missing because the fault of its value is known.
        if !key.is_some_and(|key| removed.keys.contains(&key)) {
            let at = removed.original(&path);
            let (at, why) = match missing {
                Some(key) => (at.key(key), "it is missing".to_owned()),
                None => (at, json_words::plain(&message)),
            };
            found.push(Fault { path: at.text(), why });
        }
        // The rest of the value may have faults of its own.
        if !removed.remove(&mut value, path) {
            break;
        }
    }
    found
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    /// The variant of an enum, which is the only key of an object, or a text.
    Variant(String),
}

/// A path in a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Steps(Vec<Step>);

impl Steps {
    fn of(path: &Path) -> Self {
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { variant } => Some(Step::Variant(variant.clone())),
            Segment::Unknown => None,
        };
        Self(path.iter().map_while(step).collect())
    }

    fn key(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.to_owned()));
        self
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Index(index) => text.push_str(&format!("[{index}]")),
                Step::Key(key) | Step::Variant(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&short(key));
                }
            }
        }
        text
    }
}

/// The parts that were removed from a value because of their faults.
#[derive(Debug, Default)]
struct Removed {
    keys: Vec<Steps>,
    /// The items of lists, as they were counted before any removal.
    items: Vec<(Steps, usize)>,
}

impl Removed {
    /// The path as it was before any removal.
    fn original(&self, path: &Steps) -> Steps {
        let mut original = Steps::default();
        for step in &path.0 {
            let step = match step {
                Step::Index(index) => Step::Index(self.index(&original, *index)),
                other => other.clone(),
            };
            original.0.push(step);
        }
        original
    }

    fn index(&self, list: &Steps, mut index: usize) -> usize {
        let mut before: Vec<usize> = self
            .items
            .iter()
            .filter(|(of, _)| of == list)
            .map(|(_, at)| *at)
            .collect();
        before.sort_unstable();
        for at in before {
            index += usize::from(at <= index);
        }
        index
    }

    fn note(&mut self, removed: Steps) {
        match removed.0.split_last() {
            Some((Step::Index(at), list)) => self.items.push((Steps(list.to_vec()), *at)),
            _ => self.keys.push(removed),
        }
    }

    /// Removes what is at a path. Returns whether something was removed.
    fn remove(&mut self, value: &mut Value, mut path: Steps) -> bool {
        loop {
            let original = self.original(&path);
            let Some(last) = path.0.pop() else {
                return false;
            };
            let parent = path.0.iter().try_fold(&mut *value, |value, step| match step {
                Step::Key(key) | Step::Variant(key) => value.get_mut(key),
                Step::Index(index) => value.get_mut(index),
            });
            let removed = match (parent, &last) {
                (Some(Value::Object(entries)), Step::Key(key)) => entries.remove(key).is_some(),
                (Some(Value::Array(items)), Step::Index(index)) if *index < items.len() => {
                    items.remove(*index);
                    true
                }
                // An enum without its variant is not valid either: the whole enum goes.
                _ => false,
            };
            if removed {
                self.note(original);
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::EnvironmentSpec;

    fn texts(json: &str) -> Vec<String> {
        let found = faults::<EnvironmentSpec>(&parse(json).unwrap());
        found
            .into_iter()
            .map(|fault| format!("{}: {}", fault.path, fault.why))
            .collect()
    }

    #[test]
    fn every_fault_is_found_with_its_path() {
        let found = texts(
            r#"{"imgae": "x", "env": ["A"], "limits": {"memroy": 1, "pids": -1, "cpus": []},
                "mounts": [{"source": {"tmpfs": {"sizee": 1}}, "target": "/a"},
                           {"source": {"host": "/"}, "target": 5},
                           {"source": {"volum": "v"}, "target": "/b", "readonly": true},
                           {"target": "/c"}],
                "ready": {"wait_for": {"port": "x"}}, "colour": 1}"#,
        );
        for expected in [
            "imgae: unknown key; did you mean \"image\"?",
            "env: an object is expected, not a list",
            "limits.memroy: unknown key; did you mean \"memory\"?",
            "limits.pids: a whole number from 0 is expected, not -1",
            "mounts[0].source.tmpfs.sizee: unknown key; did you mean \"size\"?",
            "mounts[1].target: a text is expected, not a number",
            "mounts[2].readonly: unknown key; did you mean \"read_only\"?",
            "mounts[2].source: unknown value; did you mean \"volume\"?",
            "mounts[3].source: it is missing",
        ] {
            assert!(
                found.iter().any(|text| text == expected),
                "{expected}: {found:#?}"
            );
        }
        let of = |path: &str| found.iter().filter(|text| text.starts_with(path)).count();
        assert_eq!(
            (of("limits.cpus"), of("ready."), of("colour: ")),
            (1, 1, 1),
            "{found:#?}"
        );
        assert_eq!(found.len(), 12, "{found:#?}");
    }

    #[test]
    fn valid_value_has_no_faults() {
        assert!(texts(r#"{"image": "x", "main": "idle"}"#).is_empty());
        assert_eq!(texts("5"), [": an object is expected, not a number"]);
    }

    #[test]
    fn fault_of_the_text_alone_is_reported() {
        let read = |text: &str| {
            read::<EnvironmentSpec>(text, faults::<EnvironmentSpec>)
                .unwrap_err()
                .to_string()
        };
        assert!(
            read(r#"{"image": "a", "image": "b"}"#).contains("twice"),
            "{}",
            read(r#"{"image": "a", "image": "b"}"#)
        );
        assert_eq!(read(" []"), "an object is expected, not a list");
        assert!(read("{\n\n").contains("line 3"), "{}", read("{\n\n"));
    }

    #[test]
    fn key_that_is_no_number_is_named() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code)] // only read
        struct Numbered {
            by_port: std::collections::BTreeMap<u16, u16>,
        }
        let found = faults::<Numbered>(&parse(r#"{"by_port": {"80": 1, "x": 1}}"#).unwrap());
        let paths: Vec<&str> = found.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["by_port.x"]);
    }
}
