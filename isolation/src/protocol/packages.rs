//! The parameters and results of packages.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::packages::{self, Package, PackageIndex, PackageManager, without_credentials};
use crate::spec::units;

/// The packages of an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPackages {
    /// The environment.
    pub(crate) environment: String,
    /// The package manager.
    #[serde(default = "pip")]
    pub(crate) manager: PackageManager,
    /// Whether each package has a digest of its files.
    #[serde(default)]
    pub(crate) digests: bool,
}

fn pip() -> PackageManager {
    PackageManager::Pip
}

/// Packages that are to be installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallPackages {
    /// The environment.
    pub(crate) environment: String,
    /// The package manager.
    #[serde(default = "pip")]
    pub(crate) manager: PackageManager,
    /// The packages, in the form of the package manager.
    #[serde(default)]
    pub(crate) names: Vec<Word>,
    /// Requirement files in the environment.
    #[serde(default)]
    pub(crate) requirements: Vec<String>,
    /// Constraint files in the environment.
    #[serde(default)]
    pub(crate) constraints: Vec<String>,
    /// Where packages come from.
    #[serde(default)]
    pub(crate) index: Index,
    /// Directories in the environment, or addresses, with archives of packages.
    #[serde(default)]
    pub(crate) find_links: Vec<Word>,
    /// Whether installed packages are replaced by newer ones that fit.
    #[serde(default)]
    pub(crate) upgrade: bool,
    /// Whether every package needs a digest in a requirement file.
    #[serde(default)]
    pub(crate) require_hashes: bool,
    /// The timeout, a number of seconds or a text such as `"5m"`.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::protocol::schema::Time>"))]
    #[serde(default, with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Duration>,
}

impl InstallPackages {
    pub(crate) fn options(self) -> packages::InstallPackages {
        let words = |words: Vec<Word>| words.into_iter().map(|word| word.0).collect();
        packages::InstallPackages {
            names: words(self.names),
            requirements: self.requirements,
            constraints: self.constraints,
            index: match self.index {
                Index::Public => PackageIndex::Public,
                Index::None => PackageIndex::None,
                Index::Address(Word(address)) => PackageIndex::Address(address),
            },
            find_links: words(self.find_links),
            upgrade: self.upgrade,
            require_hashes: self.require_hashes,
            timeout: self.timeout,
        }
    }
}

/// Where packages come from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Index {
    /// The public index of the package manager.
    #[default]
    Public,
    /// No index: only what is named by path, or found by `find_links`.
    None,
    /// The index at this address, which may have credentials.
    Address(Word),
}

/// A text that may have credentials.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(crate) struct Word(pub(crate) String);

/// Shows no credentials.
impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_credentials(&self.0))
    }
}

/// Packages that are to be removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct UninstallPackages {
    /// The environment.
    pub(crate) environment: String,
    /// The package manager.
    #[serde(default = "pip")]
    pub(crate) manager: PackageManager,
    /// Their names.
    pub(crate) names: Vec<String>,
}

/// Installed packages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PackageList {
    /// The packages, sorted by name.
    pub(crate) packages: Vec<Package>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_with_credentials_is_not_shown() {
        let text = r#"{"environment": "x", "names": ["a @ https://me:hunter2@h/a"],
            "index": {"address": "https://me:hunter2@h/simple"}, "timeout": "5m"}"#;
        let read: InstallPackages = serde_json::from_str(text).unwrap();
        let shown = format!("{read:?}");
        assert!(
            !shown.contains("hunter2") && shown.contains("https://***@h/simple"),
            "{shown}"
        );
        let options = read.options();
        assert_eq!(options.timeout, Some(Duration::from_secs(300)));
        let address = "https://me:hunter2@h/simple".to_owned();
        assert_eq!(options.index, PackageIndex::Address(address));
        for (more, index) in [
            ("", PackageIndex::Public),
            (r#", "index": "none""#, PackageIndex::None),
        ] {
            let text = format!(r#"{{"environment": "x"{more}}}"#);
            let read: InstallPackages = serde_json::from_str(&text).unwrap();
            assert_eq!(read.options().index, index, "{text}");
        }
    }
}
