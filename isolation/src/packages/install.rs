//! The packages that are to be installed, and the checks of them.

use std::fmt;
use std::time::Duration;

use super::redact::without_credentials;
use super::{INSTALL_TIMEOUT, PackageManager};
use crate::error::{Error, Result};
use crate::short::short;
use crate::spec::validate::no_nul;

/// The packages that are to be installed. [`Debug`](fmt::Debug) shows no credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InstallPackages {
    /// The packages, in the form of the package manager: `flask>=3`, `curl=8.5.0-2`, `left-pad@1`.
    /// For pip, uv and npm also an address, or the path of a directory or an archive in the
    /// environment that begins with `/` or `./`.
    pub names: Vec<String>,
    /// Requirement files in the environment, `pylock.toml` too (pip and uv only).
    pub requirements: Vec<String>,
    /// Constraint files in the environment (pip and uv only).
    pub constraints: Vec<String>,
    /// The index from which packages come (pip, uv and npm).
    pub index: PackageIndex,
    /// Directories in the environment, or addresses, with archives of packages (pip and uv only).
    pub find_links: Vec<String>,
    /// Whether installed packages are replaced by newer ones that fit.
    pub upgrade: bool,
    /// Whether every package needs a digest in a requirement file (pip and uv only).
    pub require_hashes: bool,
    /// How long it may take; 10 minutes by default.
    pub timeout: Option<Duration>,
}

impl fmt::Debug for InstallPackages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |words: &[String]| {
            words
                .iter()
                .map(|word| without_credentials(word))
                .collect::<Vec<_>>()
        };
        f.debug_struct("InstallPackages")
            .field("names", &shown(&self.names))
            .field("requirements", &self.requirements)
            .field("constraints", &self.constraints)
            .field("index", &self.index)
            .field("find_links", &shown(&self.find_links))
            .field("upgrade", &self.upgrade)
            .field("require_hashes", &self.require_hashes)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The index from which packages come.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum PackageIndex {
    /// The public one of the package manager. The caller's configuration has no effect.
    #[default]
    Public,
    /// None: only what is named by path, or found by `find_links`.
    None,
    /// The index at this address, which may hold credentials. It stands in no command line.
    Address(String),
}

/// Shows no credentials.
impl fmt::Debug for PackageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("Public"),
            Self::None => f.write_str("None"),
            Self::Address(address) => {
                write!(f, "Address({:?})", without_credentials(address))
            }
        }
    }
}

/// Where the packages of a lock come from.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PackageSources {
    /// The index (pip, uv and npm).
    pub index: PackageIndex,
    /// Directories in the environment, or addresses, with archives of packages (pip and uv).
    pub find_links: Vec<String>,
    /// How long an installation may take; 10 minutes by default.
    pub timeout: Option<Duration>,
}

/// Shows no credentials.
impl fmt::Debug for PackageSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.find_links.iter().map(|link| without_credentials(link));
        f.debug_struct("PackageSources")
            .field("index", &self.index)
            .field("find_links", &links.collect::<Vec<_>>())
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl InstallPackages {
    /// How long it may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(INSTALL_TIMEOUT)
    }

    /// Rejects what the package manager would read as an option, or cannot do.
    pub(super) fn check(&self, manager: PackageManager) -> Result<()> {
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        if names.is_empty() && self.requirements.is_empty() {
            return Err(Error::invalid("no package is named"));
        }
        if !names.is_empty() {
            check_names(manager, &names)?;
        }
        let of_pip = [&self.requirements, &self.constraints, &self.find_links];
        of_pip
            .iter()
            .flat_map(|paths| paths.iter())
            .try_for_each(|path| check_word(path))?;
        let needs_pip = of_pip.iter().any(|paths| !paths.is_empty()) || self.require_hashes;
        if needs_pip && !manager.is_of_python() {
            return Err(Error::invalid(format!(
                "{} has no requirement or constraint files, digests or links; they belong to pip and uv",
                manager.name()
            )));
        }
        let has_index = manager.is_of_python() || manager == PackageManager::Npm;
        if self.index != PackageIndex::Public && !has_index {
            let why = format!("{} reads its sources from /etc; write them there", manager.name());
            return Err(Error::invalid(why));
        }
        Ok(())
    }
}

/// Rejects names that the package manager would not read as names.
pub(super) fn check_names(manager: PackageManager, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::invalid("no package is named"));
    }
    for name in names {
        check_word(name)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+-.:=~_/<>@".contains(c);
        let of_system = matches!(manager, PackageManager::Apt | PackageManager::Apk);
        // A trailing `-` removes a package and `+` installs one, whatever the command.
        let is_command =
            manager == PackageManager::Apt && name.ends_with(['-', '+']) && !name.ends_with("++");
        if of_system && (!name.chars().all(allowed) || is_command) {
            let why = format!(
                "{name:?} is not the name of a package; write NAME or NAME=VERSION",
                name = short(name)
            );
            return Err(Error::invalid(why));
        }
    }
    Ok(())
}

/// Rejects a word that would be an option.
pub(super) fn check_word(word: &str) -> Result<()> {
    no_nul("the name of a package or file", word)?;
    let shown = without_credentials(word);
    if shown != word {
        return Err(Error::invalid(format!(
            "{:?} holds credentials, which the list of processes would show; name an index with them",
            short(&shown)
        )));
    }
    match word.trim().is_empty() || word.trim_start().starts_with('-') || word.contains('\n') {
        true => Err(Error::invalid(format!(
            "{:?} is not the name of a package or file",
            short(word)
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> InstallPackages {
        InstallPackages {
            names: vec![name.into()],
            ..InstallPackages::default()
        }
    }

    #[test]
    fn name_that_would_be_an_option_is_invalid() {
        for name in [
            "",
            " ",
            "-r/etc/passwd",
            "--index-url=x",
            " --pre",
            "a\n--pre",
            "a\0b",
        ] {
            for manager in [PackageManager::Pip, PackageManager::Apt, PackageManager::Npm] {
                assert!(named(name).check(manager).is_err(), "{name:?}");
            }
        }
        for name in [
            "flask>=3,<4",
            "pkg[extra]==1; python_version < '4'",
            "./wheels/a.whl",
            "a @ https://h/a",
        ] {
            named(name).check(PackageManager::Pip).unwrap();
        }
        for (name, fits) in [
            ("curl", true),
            ("g++", true),
            ("curl=8.5.0-2", true),
            ("curl-", false),
            ("a;b", false),
        ] {
            assert_eq!(named(name).check(PackageManager::Apt).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn option_of_pip_is_refused_for_others() {
        let hashes = InstallPackages {
            require_hashes: true,
            ..named("curl")
        };
        assert!(hashes.check(PackageManager::Apt).is_err());
        hashes.check(PackageManager::Pip).unwrap();
        let index = InstallPackages {
            index: PackageIndex::None,
            ..named("curl")
        };
        assert!(index.check(PackageManager::Apt).is_err());
        let nothing = InstallPackages::default().check(PackageManager::Pip).unwrap_err();
        assert!(nothing.to_string().contains("no package is named"));
    }

    #[test]
    fn address_is_shown_without_credentials() {
        let options = InstallPackages {
            index: PackageIndex::Address("https://me:hunter2@pypi.example/simple".into()),
            find_links: vec!["https://me:hunter2@h/links".into()],
            ..named("a @ https://me:hunter2@h/a")
        };
        let shown = format!("{options:?}");
        assert!(
            shown.contains("https://***@pypi.example") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn no_name_and_a_name_with_a_password_are_invalid() {
        let error = check_names(PackageManager::Apt, &[]).unwrap_err();
        assert_eq!(error.to_string(), "no package is named");
        let error = check_word("https://me:hunter2@host.test/a.whl")
            .unwrap_err()
            .to_string();
        assert!(error.contains("holds credentials"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
