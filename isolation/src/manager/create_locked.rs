//! Environments that are equal to a lock.

use super::Manager;
use super::lock::EnvironmentLock;
use super::registry::Selection;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::packages::PackageSources;
use crate::spec::EnvironmentSpec;
use crate::spec::lifetime::Lifetime;
use crate::spec::main_process::Main;

/// The hint if packages of the lock could be installed, but other programs run first.
const ADDED: &str = "; packages are installed from a lock only into a started environment without a main \
                     process, condition, health check or restart, which is not shared: put them into the \
                     image, or leave these out";

/// How an environment with the same base is made.
const SAME: &str = "; a lock names no engine: choose the engine, the image and the Python of the environment \
                    from which it was made (--engine, --image, --python)";

/// The hint if packages of the lock cannot be installed again.
const WITHOUT_ARCHIVE: &str = "no digest of an archive in the lock, because they were installed from a \
                               directory, or not by `isolate packages install`: put them into the image, \
                               or install archives of them and write the lock again";

impl Manager {
    /// Compares the environment that a specification creates now with a lock, before a program of
    /// the specification runs. It uses a separate environment without the main process, which is
    /// destroyed at the end. Packages that the lock adds are differences;
    /// [`create_locked`](Self::create_locked) installs them.
    ///
    /// # Errors
    ///
    /// If they differ, the kind is [`ErrorKind::Conflict`], and the error lists the differences.
    pub async fn verify(
        &self,
        selection: &Selection,
        spec: &EnvironmentSpec,
        lock: &EnvironmentLock,
    ) -> Result<()> {
        let mut idle = EnvironmentSpec {
            name: None,
            main: Main::Idle,
            lifetime: Lifetime::Owner,
            ready: None,
            health: None,
            restart: None,
            ..spec.clone()
        };
        idle.network.ports.clear();
        idle.network.publish_all = false;
        idle.network.aliases.clear();
        idle.network.expose_host.clear();
        let environment = self.create_on(selection, idle).await?;
        let found = self.lock(&environment).await;
        let destroyed = environment.destroy().await;
        let found = found?;
        destroyed?;
        let mut all = missing_features(selection, lock).await;
        all.extend(lock.differences(&found));
        let lacking = lock.lacking(&found);
        let can = lacking
            .iter()
            .any(|(manager, packages)| packages.iter().any(|one| one.can_be_locked(*manager)));
        conflict(&all, if can { ADDED } else { "" })
    }

    /// Creates and starts an environment that is equal to a lock. Packages that it lacks are
    /// installed: those of Python exactly from archives with the digests of the lock, those of the
    /// system and of Node with the same versions. Then it is compared with the lock, before
    /// anything else runs in it. After an error it is destroyed.
    ///
    /// If the specification has a main process, a condition, a health check, a restart, or the
    /// lifetime [`Shared`](Lifetime::Shared), programs could run earlier: then it is compared as by
    /// [`verify`](Self::verify), and nothing is installed.
    ///
    /// # Errors
    ///
    /// If they differ, the kind is [`ErrorKind::Conflict`], and the error lists the differences. If
    /// a package cannot be installed, the error is that of
    /// [`Packages::install`](crate::packages::Packages::install).
    pub async fn create_locked(
        &self,
        selection: &Selection,
        spec: EnvironmentSpec,
        lock: &EnvironmentLock,
        sources: &PackageSources,
    ) -> Result<Environment> {
        if !can_be_completed(&spec) {
            Box::pin(self.verify(selection, &spec, lock)).await?;
            return Box::pin(self.create_on(selection, spec)).await;
        }
        conflict(&missing_features(selection, lock).await, "")?;
        let is_kept = spec.lifetime == Lifetime::Kept;
        let spec = EnvironmentSpec {
            // It is destroyed if this is dropped.
            lifetime: Lifetime::Owner,
            ..spec
        };
        let environment = Box::pin(self.create_on(selection, spec)).await?;
        let completed = async {
            Box::pin(self.complete(&environment, lock, sources)).await?;
            match is_kept {
                true => environment.keep().await,
                false => Ok(()),
            }
        };
        if let Err(error) = completed.await {
            // The first error counts; the removal reports its own as an event.
            let _ = Box::pin(environment.destroy()).await;
            return Err(error);
        }
        Ok(environment)
    }

    /// Installs what the environment lacks, and compares it.
    async fn complete(
        &self,
        environment: &Environment,
        lock: &EnvironmentLock,
        sources: &PackageSources,
    ) -> Result<()> {
        let mut found = self.lock(environment).await?;
        conflict(&lock.base_differences(&found), SAME)?;
        let mut without = Vec::new();
        for (manager, packages) in lock.lacking(&found) {
            let (can, cannot): (Vec<_>, Vec<_>) =
                packages.into_iter().partition(|one| one.can_be_locked(manager));
            without.extend(cannot.into_iter().map(|one| one.name.clone()));
            if !can.is_empty() {
                environment
                    .packages(manager)
                    .install_locked(&can, sources)
                    .await?;
            }
        }
        found = self.lock(environment).await?;
        let lacking = lock.lacking(&found);
        let mut lacking = lacking.iter().flat_map(|(_, packages)| packages);
        let hint = match lacking.any(|one| without.contains(&one.name)) {
            true => format!("; {} have {WITHOUT_ARCHIVE}", without.join(", ")),
            false => String::new(),
        };
        conflict(&lock.differences(&found), &hint)
    }
}

/// Whether nothing of the specification runs before packages are installed.
fn can_be_completed(spec: &EnvironmentSpec) -> bool {
    spec.main == Main::Idle
        && spec.ready.is_none()
        && spec.health.is_none()
        && spec.restart.is_none()
        && spec.lifetime != Lifetime::Shared
}

/// The features of the lock that the engine does not have. The selection knows only those that the
/// specification needs.
async fn missing_features(selection: &Selection, lock: &EnvironmentLock) -> Vec<String> {
    let probe = selection.engine.probe_for(&lock.features).await;
    let missing = probe.capabilities.missing(&lock.features);
    let missing = missing.iter().map(|one| {
        let engine = selection.engine.name();
        format!(
            "the engine {engine} does not support {} ({})",
            one.feature, one.reason
        )
    });
    missing.collect()
}

/// The error that lists these differences.
fn conflict(differences: &[String], hint: &str) -> Result<()> {
    match differences {
        [] => Ok(()),
        all => Err(Error::new(
            ErrorKind::Conflict,
            format!("the environment differs from its lock: {}{hint}", all.join("; ")),
        )),
    }
}
