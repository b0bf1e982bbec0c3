//! The manifest: what is in a snapshot, and what is not.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::contents::PartKind;
use super::digest::Digest;
use super::entry::{Entry, EntryKind, TreePath};
use super::store::Session;
use super::store::writer::from_reader;
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::events::rfc3339;
use crate::packages::Package;
use crate::spec::EnvironmentSpec;

/// The version of the manifest that this crate writes.
pub(super) const VERSION: u32 = 1;

/// The largest list of entries that is read, in bytes.
const LARGEST_TREE: u64 = 1 << 30;

/// A snapshot in a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The ID: the digest of the manifest.
    pub id: Digest,
    /// What is in it.
    #[serde(flatten)]
    pub manifest: Manifest,
}

/// What is in a snapshot, and what is not. It has no values of environment variables, which may be
/// secret.
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
    /// What the engine calls the place of the files. Only a snapshot of the same place can be the
    /// parent of the next one.
    pub source: String,
    /// The directory of this machine in which the files were, if they know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<PathBuf>,
    /// The specification, with empty texts as values of variables.
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
    /// What belongs to the environment, but not to the snapshot.
    pub left_out: Vec<LeftOut>,
}

/// A file system of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Part {
    /// Its name in the snapshot: `root`, or `volume:` and the target of the volume.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// The number of files, directories and links.
    pub entries: u64,
    /// The size of its files in bytes.
    pub bytes: u64,
    /// The chunks of the list of its entries.
    pub tree: Vec<Digest>,
}

/// What belongs to an environment, but not to its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// What it is.
    pub what: String,
    /// Why it is left out.
    pub why: String,
}

impl LeftOut {
    /// Something that is left out.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
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
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The part with this name.
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

/// The specification with empty texts as values of variables, and the names of the variables.
pub(super) fn without_values(spec: &EnvironmentSpec) -> Result<(EnvironmentSpec, Vec<String>)> {
    let corrupt = |error: serde_json::Error| Error::new(ErrorKind::Corrupt, error.to_string());
    let mut value = serde_json::to_value(spec).map_err(corrupt)?;
    let mut names = Vec::new();
    blank(&mut value, &mut names);
    names.sort();
    names.dedup();
    Ok((serde_json::from_value(value).map_err(corrupt)?, names))
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

impl Part {
    /// Its entries: each directory before its contents. This blocks.
    pub(crate) fn entries(&self, session: &Session) -> Result<Vec<Entry>> {
        let mut text = Vec::new();
        let read = session
            .content(&self.tree)
            .take(LARGEST_TREE + 1)
            .read_to_end(&mut text);
        if read.map_err(from_reader)? as u64 > LARGEST_TREE {
            let why = format!("the list of the files of {} is too long", self.name);
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry = serde_json::from_slice(line).map_err(|error| {
                let why = format!("the list of the files of {} is damaged: {error}", self.name);
                Error::new(ErrorKind::Corrupt, why)
            })?;
            entries.push(entry);
        }
        check(&entries)?;
        Ok(entries)
    }
}

/// Refuses a list from which files would be created outside of their directory: it may come from
/// another machine.
fn check(entries: &[Entry]) -> Result<()> {
    let wrong = |entry: &Entry, why: &str| {
        let why = format!("the list of files is invalid: {} {why}", entry.path);
        Err(Error::new(ErrorKind::Corrupt, why))
    };
    match entries.first() {
        Some(first) if first.path.is_root() && first.kind == EntryKind::Directory => {}
        _ => return Err(Error::new(ErrorKind::Corrupt, "the list of files has no root")),
    }
    let mut directories = std::collections::HashSet::new();
    let mut files = std::collections::HashSet::new();
    let mut last: Option<&TreePath> = None;
    for entry in entries {
        entry.path.check()?;
        if last.is_some_and(|last| *last >= entry.path) {
            return wrong(entry, "is not in order");
        }
        last = Some(&entry.path);
        if entry
            .path
            .parent()
            .is_some_and(|parent| !directories.contains(&parent))
        {
            return wrong(entry, "is in no directory");
        }
        match &entry.kind {
            EntryKind::Directory => drop(directories.insert(entry.path.clone())),
            EntryKind::File { .. } => drop(files.insert(entry.path.clone())),
            EntryKind::HardLink { target } if !files.contains(target) => {
                return wrong(entry, "is a name of no file");
            }
            EntryKind::Link { target } if target.as_slice().contains(&0) => {
                return wrong(entry, "has an invalid target");
            }
            _ => {}
        }
    }
    Ok(())
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
    }

    #[test]
    fn list_that_would_write_elsewhere_is_refused() {
        let path = |text: &str| TreePath::normal(text.as_bytes()).unwrap();
        let at = |text: &str, kind: EntryKind| Entry {
            kind,
            ..Entry::directory(path(text))
        };
        let link = || EntryKind::Link {
            target: b"/etc".into(),
        };
        let file = || EntryKind::File {
            size: 0,
            chunks: Vec::new(),
        };
        let hard = |text: &str| EntryKind::HardLink { target: path(text) };
        let root = || at("", EntryKind::Directory);
        check(&[root(), at("a", file()), at("b", hard("a"))]).unwrap();
        for (entries, why) in [
            (vec![], "no root"),
            (vec![at("a", file())], "no root"),
            (
                vec![root(), at("a", link()), at("a/b", file())],
                "in no directory",
            ),
            (vec![root(), at("b", file()), at("a", file())], "not in order"),
            (vec![root(), at("a", file()), at("a", file())], "not in order"),
            (
                vec![root(), at("a", hard("b")), at("b", file())],
                "name of no file",
            ),
            (
                vec![root(), at("a", link()), at("b", hard("a"))],
                "name of no file",
            ),
        ] {
            let error = check(&entries).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
