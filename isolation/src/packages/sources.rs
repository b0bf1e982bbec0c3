//! Packages of a lock: what a package manager has to install, and from where.

use std::fmt;
use std::time::Duration;

use super::install::{InstallPackages, PackageIndex, check_word};
use super::inventory::Package;
use super::redact::without_credentials;
use super::{PackageManager, Packages, pip};
use crate::error::Result;

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

impl Package {
    /// Whether a package manager can install exactly this one.
    pub(crate) fn can_be_locked(&self, manager: PackageManager) -> bool {
        // The others verify what they install by the signatures or digests of their index.
        !self.inherited && (!manager.is_of_python() || !self.archives.is_empty())
    }
}

impl Packages<'_> {
    /// Installs exactly these packages.
    pub(crate) async fn install_locked(&self, locked: &[&Package], sources: &PackageSources) -> Result<()> {
        let work = async {
            self.check_owner()?;
            sources.find_links.iter().try_for_each(|link| check_word(link))?;
            let joined = match self.manager {
                PackageManager::Pip | PackageManager::Uv => {
                    return pip::install_locked(self, locked, sources).await;
                }
                PackageManager::Npm => "@",
                PackageManager::Apt | PackageManager::Apk => "=",
            };
            let name = |one: &&Package| format!("{}{joined}{}", one.name, one.version);
            let index = match self.manager {
                PackageManager::Npm => sources.index.clone(),
                _ => PackageIndex::Public,
            };
            let options = InstallPackages {
                names: locked.iter().map(name).collect(),
                index,
                // Another version may be there.
                upgrade: true,
                timeout: sources.timeout,
                ..InstallPackages::default()
            };
            self.do_install(&options).await.map(drop)
        };
        self.named(work.await, "install the packages of the lock in")
    }
}
