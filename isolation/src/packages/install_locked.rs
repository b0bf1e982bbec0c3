//! Packages of a lock: which a package manager can install, and how.

use super::install::{InstallPackages, PackageIndex, PackageSources, check_word};
use super::inventory::Package;
use super::{PackageManager, Packages, pip};
use crate::error::Result;

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
