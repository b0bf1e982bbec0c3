//! The lock of an environment: a list of its parts, with which another environment can be compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Manager;
use crate::command::Command;
use crate::engine::capabilities::Feature;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::packages::{Package, PackageManager, differences_for};

/// The version of the format.
const VERSION: u32 = 1;

/// Prints the implementation and version of the interpreter.
const INTERPRETER: &str =
    "import platform; print(platform.python_implementation(), platform.python_version())";

/// Runs the interpreter of the environment.
const PYTHON: &str = r#"command -v python >/dev/null && exec python "$@"; exec python3 "$@""#;

/// The parts of an environment: image, interpreter, packages, and the features of the engine that
/// it uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentLock {
    /// The version of the format: 1.
    pub version: u32,
    /// The features of the engine that the environment uses. An engine without one of them cannot
    /// create the same environment.
    pub features: BTreeSet<Feature>,
    /// The digest of the image, by platform: `linux/amd64`. Empty without an image.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// The Python interpreter and its version: `CPython 3.11.7`.
    #[serde(default)]
    pub interpreter: Option<String>,
    /// The packages that belong to the environment, by package manager.
    #[serde(default)]
    pub packages: BTreeMap<String, Vec<Package>>,
}

impl EnvironmentLock {
    /// Reads a lock from JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        let lock: Self = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("the lock is invalid: {error}")))?;
        match lock.version {
            VERSION => Ok(lock),
            other => Err(Error::invalid(format!(
                "the lock has the version {other}; this program reads version {VERSION}"
            ))),
        }
    }

    /// The packages that another environment lacks, or has otherwise, by package manager.
    pub(super) fn lacking(&self, found: &Self) -> Vec<(PackageManager, Vec<&Package>)> {
        let lacking = |manager: PackageManager| {
            let locked = self.packages.get(manager.name()).map_or(&[][..], Vec::as_slice);
            let has = found.packages.get(manager.name()).map_or(&[][..], Vec::as_slice);
            let equal = |one: &Package| {
                let is_it = |other: &&Package| other.is_named_for(manager.name(), &one.name);
                let other = has.iter().find(is_it);
                other.is_some_and(|other| (&one.version, &one.digest) == (&other.version, &other.digest))
            };
            (manager, locked.iter().filter(|one| !equal(one)).collect())
        };
        let all = PackageManager::ALL.into_iter().map(lacking);
        all.filter(|(_, packages): &(_, Vec<_>)| !packages.is_empty())
            .collect()
    }

    /// The differences without those of packages.
    pub(super) fn base_differences(&self, found: &Self) -> Vec<String> {
        let same = Self {
            packages: self.packages.clone(),
            ..found.clone()
        };
        self.differences(&same)
    }

    /// The differences of another environment, one sentence each; empty if it is equal. An image
    /// for a platform that is not in the lock is a difference.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut all = Vec::new();
        for (platform, digest) in &found.images {
            match self.images.get(platform) {
                Some(locked) if locked == digest => {}
                Some(locked) => all.push(format!("the image for {platform} is {digest}, not {locked}")),
                None => all.push(format!("the lock has no image for {platform}")),
            }
        }
        if found.images.is_empty() && !self.images.is_empty() {
            all.push("it has no image".to_owned());
        }
        if self.interpreter != found.interpreter {
            let name = |one: &Option<String>| one.clone().unwrap_or_else(|| "none".to_owned());
            let (locked, has) = (name(&self.interpreter), name(&found.interpreter));
            all.push(format!("the interpreter is {has}, not {locked}"));
        }
        let managers: BTreeSet<_> = self.packages.keys().chain(found.packages.keys()).collect();
        for manager in managers {
            let of = |lock: &Self| lock.packages.get(manager).cloned().unwrap_or_default();
            let (locked, has) = (of(self), of(found));
            all.extend(
                differences_for(manager, &locked, &has)
                    .iter()
                    .map(|change| format!("{manager}: {change}")),
            );
            all.extend(
                changed(manager, &locked, &has).map(|name| format!("{manager}: {name} has other files")),
            );
        }
        all
    }
}

/// The packages of the same version with another digest.
fn changed<'a>(
    manager: &'a str,
    locked: &'a [Package],
    found: &'a [Package],
) -> impl Iterator<Item = &'a str> {
    locked.iter().filter_map(move |one| {
        let is_it = |other: &&Package| other.is_named_for(manager, &one.name);
        let other = found.iter().find(is_it)?;
        let differs = one.version == other.version && one.digest != other.digest;
        differs.then_some(one.name.as_str())
    })
}

impl Manager {
    /// Returns the lock of a running environment. Package managers that it does not have, and those
    /// whose packages belong to this machine, are omitted.
    pub async fn lock(&self, environment: &Environment) -> Result<EnvironmentLock> {
        let locked = self.do_lock(environment).await;
        locked.map_err(|error| error.during("lock the environment", environment.name()))
    }

    async fn do_lock(&self, environment: &Environment) -> Result<EnvironmentLock> {
        let engine = self.registry().get(environment.engine())?;
        let mut spec = environment.spec().clone();
        engine.fill_in(&mut spec);
        let mut images = BTreeMap::new();
        let mut digest = engine.image_id(&spec).await?.filter(|digest| !digest.is_empty());
        if digest.is_none() && spec.image.is_some() {
            // An engine that prepares no environments in advance reports it for this one.
            let details = environment.inspect().await?.details;
            digest = details
                .get("image")
                .filter(|id| id.starts_with("sha256:"))
                .cloned();
        }
        if let Some(digest) = digest {
            images.insert(platform(environment).await?, digest);
        }
        let mut packages = BTreeMap::new();
        // uv lists the same packages as pip.
        for manager in PackageManager::ALL
            .into_iter()
            .filter(|one| *one != PackageManager::Uv)
        {
            let installed = environment.packages(manager);
            if installed.check_owner().is_err() {
                continue;
            }
            match installed.list_with_digests().await {
                Ok(list) => packages.insert(manager.name().to_owned(), list),
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(EnvironmentLock {
            version: VERSION,
            features: environment.spec().required_features(),
            images,
            interpreter: interpreter(environment).await?,
            packages,
        })
    }
}

/// The platform of an environment, in the words of images.
async fn platform(environment: &Environment) -> Result<String> {
    let output = environment.run(Command::new(["uname", "-sm"])).await?;
    let text = output.stdout_text().to_lowercase();
    let (system, machine) = text.trim().split_once(' ').unwrap_or((text.trim(), "unknown"));
    let machine = match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if system.is_empty() { "linux" } else { system };
    Ok(format!("{system}/{machine}"))
}

/// The Python interpreter; `None` without one.
async fn interpreter(environment: &Environment) -> Result<Option<String>> {
    let command = Command::new(["sh", "-c", PYTHON, "python", "-I", "-c", INTERPRETER]);
    let output = environment.run(command).await?;
    let text = output.stdout_text().trim().to_owned();
    Ok((output.exit.success() && !text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(json: &str) -> EnvironmentLock {
        EnvironmentLock::from_json(json).unwrap()
    }

    #[test]
    fn every_difference_is_listed() {
        let before = lock(
            r#"{"version": 1, "features": ["images"], "images": {"linux/amd64": "sha256:1"},
                "interpreter": "CPython 3.11.7", "packages": {"pip": [
                    {"name": "a", "version": "1", "digest": "sha256:1"}, {"name": "B_c", "version": "1"}]}}"#,
        );
        assert!(before.differences(&before).is_empty());
        let after = lock(
            r#"{"version": 1, "features": ["tty"], "images": {"linux/amd64": "sha256:2"},
                "interpreter": "CPython 3.12.0", "packages": {"pip": [
                    {"name": "a", "version": "1", "digest": "sha256:2"}, {"name": "b-c", "version": "2"}],
                "apt": [{"name": "curl", "version": "8"}]}}"#,
        );
        assert_eq!(
            before.differences(&after),
            [
                "the image for linux/amd64 is sha256:2, not sha256:1",
                "the interpreter is CPython 3.12.0, not CPython 3.11.7",
                "apt: curl: added 8",
                "pip: B_c: 1 -> 2",
                "pip: a has other files",
            ]
        );
        let lacking: Vec<_> = after
            .lacking(&before)
            .into_iter()
            .map(|(manager, packages)| (manager.name(), packages.len()))
            .collect();
        assert_eq!(lacking, [("pip", 2), ("apt", 1)]);
        assert!(before.lacking(&before).is_empty());
        assert_eq!(before.base_differences(&after).len(), 2);
        let arm = lock(r#"{"version": 1, "features": ["images"], "images": {"linux/arm64": "sha256:1"}}"#);
        assert_eq!(
            before.differences(&arm)[0],
            "the lock has no image for linux/arm64"
        );
        let without = lock(r#"{"version": 1, "features": []}"#);
        assert_eq!(before.differences(&without)[0], "it has no image");
        let error = EnvironmentLock::from_json(r#"{"version": 2, "features": []}"#).unwrap_err();
        assert!(error.to_string().contains("reads version 1"), "{error}");
    }
}
