//! Installed packages, and what differs between two lists of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::manager::PackageManager;

/// An installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Package {
    /// The name, as the package itself writes it.
    pub name: String,
    /// The version.
    pub version: String,
    /// The program that installed it, if that is known: `pip`, `uv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installer: Option<String>,
    /// Whether it was asked for, and not installed for another one; `false` if that is not known.
    #[serde(default)]
    pub requested: bool,
    /// Whether its files are those of a source directory.
    #[serde(default)]
    pub editable: bool,
    /// Where it came from, if not from an index; without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether it belongs to the interpreter below the virtual environment.
    #[serde(default)]
    pub inherited: bool,
    /// The digest of its files, as its metadata lists them, without scripts and compiled code; only
    /// where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digests of the archives from which it can be installed again, `sha256:…`; only where
    /// digests were asked for, and of packages that pip or uv has installed by
    /// [`Packages::install`](super::Packages::install) from an index, an archive or an address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<String>,
}

impl Package {
    /// Whether this is the name of a package of Python, in any spelling: `Flask_Login` is
    /// `flask-login`.
    pub fn is_named(&self, name: &str) -> bool {
        normal(&self.name) == normal(name)
    }

    /// Whether this is its name for a package manager, in any spelling.
    pub(crate) fn is_named_for(&self, manager: &str, name: &str) -> bool {
        match is_of_python(manager) {
            true => self.is_named(name),
            // `lodash.merge` and `lodash-merge` are two packages of npm.
            false => self.name == name,
        }
    }
}

fn is_of_python(manager: &str) -> bool {
    let manager = manager.parse::<PackageManager>();
    manager.is_ok_and(PackageManager::is_of_python)
}

/// The form of a name of Python in which all spellings are equal.
fn normal(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if text.ends_with('-') => {}
            '-' | '_' | '.' => text.push('-'),
            other => text.extend(other.to_lowercase()),
        }
    }
    text
}

/// A package that differs between two lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PackageChange {
    /// The name.
    pub name: String,
    /// The version in the first list; `None` if it is not in it.
    pub before: Option<String>,
    /// The version in the second list; `None` if it is not in it.
    pub after: Option<String>,
}

impl fmt::Display for PackageChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{}: {before} -> {after}", self.name),
            (None, Some(after)) => write!(f, "{}: added {after}", self.name),
            (Some(before), None) => write!(f, "{}: removed {before}", self.name),
            (None, None) => f.write_str(&self.name),
        }
    }
}

/// The packages of a package manager that differ between two lists, sorted by name.
pub fn differences(manager: PackageManager, before: &[Package], after: &[Package]) -> Vec<PackageChange> {
    differences_for(manager.name(), before, after)
}

/// The same for the name of a package manager, which may be that of a later version.
pub(crate) fn differences_for(manager: &str, before: &[Package], after: &[Package]) -> Vec<PackageChange> {
    let key = |name: &str| match is_of_python(manager) {
        true => normal(name),
        false => name.to_owned(),
    };
    let mut all: BTreeMap<String, PackageChange> = BTreeMap::new();
    for (packages, is_after) in [(before, false), (after, true)] {
        for package in packages {
            let change = all.entry(key(&package.name)).or_insert_with(|| PackageChange {
                name: package.name.clone(),
                before: None,
                after: None,
            });
            let version = Some(package.version.clone());
            match is_after {
                true => change.after = version,
                false => change.before = version,
            }
        }
    }
    all.into_values()
        .filter(|change| change.before != change.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            ..Package::default()
        }
    }

    #[test]
    fn every_spelling_of_a_name_is_the_same_package() {
        let package = package("Flask_Login", "1");
        for name in ["flask-login", "FLASK.login", "flask__login", "Flask-._Login"] {
            assert!(package.is_named(name), "{name}");
        }
        assert!(!package.is_named("flasklogin"));
        // Every case of every letter, and every run of separators, in both lists.
        for number in 0..1_u32 << 10 {
            let separators = ["-", "_", ".", "-_", "._-", "__"];
            let separator = separators[number as usize % separators.len()];
            let spelled: String = "flask-login"
                .chars()
                .enumerate()
                .map(|(at, c)| match (c, number >> (at % 10) & 1) {
                    ('-', _) => separator.to_owned(),
                    (c, 1) => c.to_uppercase().collect(),
                    (c, _) => c.to_string(),
                })
                .collect();
            assert!(package.is_named(&spelled), "{spelled}");
            let other = Package {
                name: spelled.clone(),
                ..package.clone()
            };
            assert!(
                differences(PackageManager::Pip, std::slice::from_ref(&package), &[other]).is_empty(),
                "{spelled}"
            );
        }
    }

    #[test]
    fn differences_are_added_removed_and_changed() {
        let before = [package("a", "1"), package("B_x", "1"), package("c", "1")];
        let after = [package("b-x", "2"), package("c", "1"), package("d", "1")];
        let shown: Vec<_> = differences(PackageManager::Uv, &before, &after)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(shown, ["a: removed 1", "B_x: 1 -> 2", "d: added 1"]);
    }

    #[test]
    fn names_of_other_managers_have_one_spelling() {
        let before = [package("lodash.merge", "4.6.2"), package("lodash-merge", "1.0.0")];
        let after = [package("lodash.merge", "4.6.2"), package("lodash-merge", "2.0.0")];
        for manager in ["npm", "apt", "apk", "of a later version"] {
            let shown = differences_for(manager, &before, &after);
            assert_eq!(shown.len(), 1, "{manager}: {shown:?}");
            assert_eq!(shown[0].to_string(), "lodash-merge: 1.0.0 -> 2.0.0");
            assert!(!before[0].is_named_for(manager, "lodash-merge"));
        }
        assert!(before[0].is_named_for("pip", "lodash-merge"));
    }
}
