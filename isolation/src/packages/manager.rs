//! The package managers.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::short::short;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PackageManager {
    /// pip, for the first `python` or `python3` on the `PATH`; uv where that has no pip. If this
    /// Python belongs to its distribution, the packages are in a virtual environment.
    Pip,
    /// uv, for the same `python`.
    Uv,
    /// apt, of Debian and Ubuntu. Commands must run as root.
    Apt,
    /// apk, of Alpine. Commands must run as root.
    Apk,
    /// npm, for packages of all users (`--global`).
    Npm,
}

impl PackageManager {
    /// Every package manager.
    pub const ALL: [Self; 5] = [Self::Pip, Self::Uv, Self::Apt, Self::Apk, Self::Npm];

    /// Whether its packages are those of Python.
    pub(crate) fn is_of_python(self) -> bool {
        matches!(self, Self::Pip | Self::Uv)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Apt => "apt",
            Self::Apk => "apk",
            Self::Npm => "npm",
        }
    }
}

impl FromStr for PackageManager {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} is not a package manager; write pip, uv, apt, apk or npm",
                text = short(text)
            ))
        })
    }
}
