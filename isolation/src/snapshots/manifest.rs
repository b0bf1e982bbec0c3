//! The manifest: the contents of a snapshot, and the list of what is missing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::activation;
use super::contents::PartKind;
use super::digest::Digest;
use super::left_out::LeftOut;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::rfc3339;
use crate::packages::Package;
use crate::spec::EnvironmentSpec;

/// The version of the manifest that this crate writes.
pub(super) const VERSION: u32 = 1;

/// A snapshot in a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The ID: the digest of the manifest.
    pub id: Digest,
    /// Whether it was imported: its specification is that of somebody else.
    pub imported: bool,
    /// The contents.
    #[serde(flatten)]
    pub manifest: Manifest,
}

/// The contents of a snapshot, and the list of what is missing. It has no values of environment
/// variables, which may be secret, except for the paths that activate a virtual environment of
/// Python.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of this format.
    pub version: u32,
    /// When it was created.
    #[serde(with = "rfc3339")]
    pub created: SystemTime,
    /// The name that its creator gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The snapshot of the same environment from which unchanged files were taken over. This
    /// snapshot does not need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Digest>,
    /// The engine of the environment.
    pub engine: String,
    /// The version or the address of the engine.
    pub engine_detail: String,
    /// The operating system and the architecture of its programs.
    pub platform: String,
    /// The ID of the environment.
    pub environment: EnvironmentId,
    /// The name of the environment.
    pub environment_name: String,
    /// The engine's name of the place of the files. Only a snapshot of the same place can be the
    /// parent of the next one.
    pub source: String,
    /// The directory of this machine in which the files were, if they know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<PathBuf>,
    /// The specification, with empty texts as values of variables. `VIRTUAL_ENV` and `PATH` keep
    /// their values if they activate a virtual environment of Python.
    pub spec: EnvironmentSpec,
    /// The names of the variables whose values were left out.
    pub withheld: Vec<String>,
    /// The configuration of the image, without variables of the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Value>,
    /// The installed packages, by package manager.
    pub packages: BTreeMap<String, Vec<Package>>,
    /// The file system and the volumes.
    pub parts: Vec<Part>,
    /// The parts of the environment that do not belong to the snapshot.
    pub left_out: Vec<LeftOut>,
}

/// A file system of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Part {
    /// Its name in the snapshot: `root`, or `volume:` and the target of the volume.
    pub name: String,
    /// The kind.
    pub kind: PartKind,
    /// The number of files, directories and links.
    pub entries: u64,
    /// The size of its files in bytes.
    pub bytes: u64,
    /// The chunks of the list of its entries.
    pub tree: Vec<Digest>,
}

impl Manifest {
    pub(super) fn read(text: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
        let found: Version = serde_json::from_slice(text).map_err(corrupt)?;
        if found.version != VERSION {
            let why = format!(
                "it has version {} of the format, and this program reads {VERSION}",
                found.version
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        serde_json::from_slice(text).map_err(corrupt)
    }

    /// The size of all files in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.parts.iter().map(|part| part.bytes);
        sizes.fold(0, u64::saturating_add)
    }

    /// The part with this name.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

/// The specification with empty texts as values of variables, and the names of these variables.
pub(super) fn without_values(spec: &EnvironmentSpec) -> Result<(EnvironmentSpec, Vec<String>)> {
    let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
    let mut spec = spec.clone();
    let activation = activation::take(&mut spec.env);
    let mut value = serde_json::to_value(&spec).map_err(corrupt)?;
    let mut names = Vec::new();
    blank(&mut value, &mut names);
    names.sort();
    names.dedup();
    let mut left: EnvironmentSpec = serde_json::from_value(value).map_err(corrupt)?;
    for (name, value) in &activation {
        left.env.insert(name.clone(), value.clone());
    }
    Ok((left, names))
}

/// Empties every map of variables: of the environment, of its main process and of its checks. What
/// is written to a process is left out, too.
fn blank(value: &mut Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("argv") {
                fields.remove("input");
            }
            for (key, field) in fields {
                match field {
                    Value::Object(variables) if key == "env" => {
                        for (name, value) in variables {
                            names.push(name.clone());
                            *value = "".into();
                        }
                    }
                    field => blank(field, names),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::spec::health::HealthSpec;
    use crate::spec::main_process::Main;

    #[test]
    fn values_of_variables_are_left_out() {
        let command = |name: &str| Command {
            env: [(name, "hunter2")].into(),
            ..Command::new(["x"])
        };
        let spec = EnvironmentSpec {
            env: [("PASSWORD", "hunter2")].into(),
            main: Main::Command(command("TOKEN")),
            health: Some(HealthSpec {
                check: Some(command("CHECK")),
                ..HealthSpec::default()
            }),
            ..EnvironmentSpec::default()
        };
        let (left, names) = without_values(&spec).unwrap();
        assert_eq!(names, ["CHECK", "PASSWORD", "TOKEN"]);
        let text = serde_json::to_string(&left).unwrap();
        assert!(!text.contains("hunter2") && text.contains("PASSWORD"), "{text}");
        let activated = [
            ("PATH", "/v/bin:/bin"),
            ("VIRTUAL_ENV", "/v"),
            ("PASSWORD", "hunter2"),
        ];
        let spec = EnvironmentSpec {
            env: activated.into(),
            ..spec
        };
        let (left, names) = without_values(&spec).unwrap();
        assert_eq!(names, ["CHECK", "PASSWORD", "TOKEN"]);
        let kept = [("PATH", "/v/bin:/bin"), ("VIRTUAL_ENV", "/v"), ("PASSWORD", "")];
        assert_eq!(left.env, kept.into());
    }
}
