//! The differences between two snapshots.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::blocking;
use super::entry::{Entry, EntryKind, TreePath};
use super::manifest::{Manifest, Snapshot};
use super::store::{Session, SnapshotStore};
use crate::error::{Error, ErrorKind, Result};
use crate::packages::{PackageChange, differences_for};

/// The differences between two snapshots.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SnapshotDifference {
    /// The files, directories and links.
    pub files: Vec<FileChange>,
    /// The packages, by package manager.
    pub packages: BTreeMap<String, Vec<PackageChange>>,
    /// The fields of the specification and of the image.
    pub configuration: Vec<ConfigurationChange>,
}

/// A file, directory or link that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The part: `root`, or `volume:` and the target of the volume.
    pub part: String,
    /// Its path in the part.
    pub path: TreePath,
    /// How it differs.
    pub change: Change,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the second snapshot has it.
    Added,
    /// Only the first snapshot has it.
    Removed,
    /// Its content or its kind differs.
    Content,
    /// Only its mode, owner, time or extended attributes differ.
    Attributes,
}

/// A field of the configuration that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConfigurationChange {
    /// The field, such as `spec.limits.memory`.
    pub field: String,
    /// The value in the first snapshot.
    pub before: Option<Value>,
    /// The value in the second snapshot.
    pub after: Option<Value>,
}

impl SnapshotStore {
    /// The differences between two snapshots, of the same environment or not.
    pub async fn diff(&self, before: &Snapshot, after: &Snapshot) -> Result<SnapshotDifference> {
        let (store, before, after) = (self.clone(), before.clone(), after.clone());
        blocking(move || {
            let session = store.session()?;
            let mut difference = SnapshotDifference::default();
            files(&session, &before.manifest, &after.manifest, &mut difference.files)?;
            difference.packages = packages(&before.manifest, &after.manifest);
            for (name, value) in [
                ("spec", [spec(&before.manifest)?, spec(&after.manifest)?]),
                (
                    "image",
                    [&before, &after].map(|one| one.manifest.image.clone().unwrap_or_default()),
                ),
            ] {
                let [before, after] = value;
                fields(name, Some(&before), Some(&after), &mut difference.configuration);
            }
            Ok(difference)
        })
        .await
    }
}

fn spec(manifest: &Manifest) -> Result<Value> {
    let written = serde_json::to_value(&manifest.spec);
    written.map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))
}

fn packages(before: &Manifest, after: &Manifest) -> BTreeMap<String, Vec<PackageChange>> {
    // A manager that only one snapshot has listed says nothing about packages.
    let both = before.packages.iter().filter_map(|(manager, packages)| {
        let changes = differences_for(manager, packages, after.packages.get(manager)?);
        (!changes.is_empty()).then(|| (manager.clone(), changes))
    });
    both.collect()
}

fn files(session: &Session, before: &Manifest, after: &Manifest, found: &mut Vec<FileChange>) -> Result<()> {
    let mut names: Vec<&String> = before
        .parts
        .iter()
        .chain(&after.parts)
        .map(|part| &part.name)
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        let entries = |manifest: &Manifest| match manifest.part(name) {
            Some(part) => part.entries(session),
            None => Ok(Vec::new()),
        };
        let (one, two) = (entries(before)?, entries(after)?);
        let find = |entries: Vec<Entry>| -> BTreeMap<TreePath, Entry> {
            entries
                .into_iter()
                .map(|entry| (entry.path.clone(), entry))
                .collect()
        };
        let (one, two) = (find(one), find(two));
        let mut change = |path: &TreePath, change| {
            found.push(FileChange {
                part: name.clone(),
                path: path.clone(),
                change,
            });
        };
        for (path, entry) in &one {
            match two.get(path) {
                None => change(path, Change::Removed),
                Some(other) if entry.is_same(other) => {}
                // A name of a file is the file itself.
                Some(other) if content(entry, &one) == content(other, &two) => {
                    change(path, Change::Attributes);
                }
                Some(_) => change(path, Change::Content),
            }
        }
        for path in two.keys().filter(|path| !one.contains_key(path)) {
            change(path, Change::Added);
        }
    }
    found.sort_by(|a, b| (&a.part, &a.path).cmp(&(&b.part, &b.path)));
    Ok(())
}

fn content<'a>(entry: &'a Entry, all: &'a BTreeMap<TreePath, Entry>) -> &'a EntryKind {
    match &entry.kind {
        EntryKind::HardLink { target } => all.get(target).map_or(&entry.kind, |file| &file.kind),
        kind => kind,
    }
}

/// Compares values field by field.
fn fields(name: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<ConfigurationChange>) {
    match (before, after) {
        (one, two) if one == two => {}
        (Some(Value::Object(one)), Some(Value::Object(two))) => {
            let mut keys: Vec<&String> = one.keys().chain(two.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                fields(&format!("{name}.{key}"), one.get(key), two.get(key), found);
            }
        }
        (before, after) => found.push(ConfigurationChange {
            field: name.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_differ_have_their_place() {
        let mut found = Vec::new();
        let (one, two) = (
            json!({"limits": {"memory": 1, "pids": 2}, "image": "a"}),
            json!({"limits": {"memory": 3, "pids": 2}, "user": "b", "image": "a"}),
        );
        fields("spec", Some(&one), Some(&two), &mut found);
        let shown: Vec<_> = found
            .iter()
            .map(|change| (change.field.as_str(), change.before.clone(), change.after.clone()))
            .collect();
        let expected = [
            ("spec.limits.memory", Some(json!(1)), Some(json!(3))),
            ("spec.user", None, Some(json!("b"))),
        ];
        assert_eq!(shown, expected);
    }
}
