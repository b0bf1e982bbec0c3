//! The credentials that the docker command would use.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use super::config::{self, Config, path, registry_key};
use super::{RegistryAuth, helper};
use crate::error::{Cause, Error, Result};
use crate::images::ImageReference;

/// The credentials that the docker command would use: those of its configuration and of its helpers.
#[derive(Clone)]
pub struct Credentials {
    /// What is asked first stands first.
    configs: Arc<[Config]>,
    patience: Duration,
}

/// What was found for a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundCredentials {
    /// The credentials; `None` when there are none, and then no header is to be sent.
    pub auth: Option<RegistryAuth>,
    /// Why something that should have had credentials gave none, such as a helper that is not installed.
    /// The registry may still answer without.
    pub warnings: Vec<String>,
}

/// What was found for every registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllCredentials {
    /// The credentials by the registry's name, as [`Images::build`](crate::images::Images::build) takes them.
    pub registries: BTreeMap<String, RegistryAuth>,
    /// Why something that should have had credentials gave none. The build may not need them.
    pub warnings: Vec<String>,
}

impl AllCredentials {
    fn warn(&mut self, warning: String) {
        // A store that cannot be run says so for each registry.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Credentials {
    /// Reads `DOCKER_AUTH_CONFIG`, and `config.json` in `DOCKER_CONFIG` or in `~/.docker`. Neither need
    /// be there.
    ///
    /// # Errors
    ///
    /// When one is there and cannot be read.
    pub async fn from_env() -> Result<Self> {
        let read = tokio::task::spawn_blocking(|| Self::read(|name| std::env::var(name).ok()));
        read.await.map_err(|error| Error::protocol(error.to_string()))?
    }

    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        Config::parse(text, "the configuration").map(|config| Self::new(vec![config]))
    }

    fn new(configs: Vec<Config>) -> Self {
        Self {
            configs: configs.into(),
            patience: helper::PATIENCE,
        }
    }

    fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut configs = Vec::new();
        if let Some(text) = env("DOCKER_AUTH_CONFIG").filter(|text| !text.trim().is_empty()) {
            configs.push(Config::parse(text.as_bytes(), "DOCKER_AUTH_CONFIG")?);
        }
        if let Some(file) = path(env) {
            match std::fs::read(&file) {
                Ok(text) => configs.push(Config::parse(&text, &file.display().to_string())?),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => {
                    let error = std::io::Error::new(error.kind(), format!("{}: {error}", file.display()));
                    return Err(Error::local(Cause::UploadSource(error)));
                }
            }
        }
        Ok(Self::new(configs))
    }

    /// Finds the credentials for an image's registry: a helper of that registry, else the store of all,
    /// else the file itself. A helper may take ten seconds, and is not waited for any longer.
    pub async fn find(&self, image: &ImageReference) -> FoundCredentials {
        self.of(registry_key(image.registry())).await
    }

    /// The credentials for every registry that the configuration names or its store lists, as a build wants
    /// them.
    pub async fn all(&self) -> AllCredentials {
        let this = self.clone();
        let found = tokio::task::spawn_blocking(move || this.look_at_all());
        found.await.unwrap_or_default()
    }

    fn look_at_all(&self) -> AllCredentials {
        let mut all = AllCredentials::default();
        for config in self.configs.iter() {
            let listed = config.store().map(|name| helper::list(name, self.patience));
            let listed = listed.transpose().unwrap_or_else(|warning| {
                all.warn(warning);
                None
            });
            let listed = listed.iter().flatten().map(|written| config::key(written));
            for registry in config.registries().chain(listed) {
                if all.registries.contains_key(&registry) {
                    continue;
                }
                let found = self.look(&registry);
                found.warnings.into_iter().for_each(|warning| all.warn(warning));
                if let Some(auth) = found.auth {
                    all.registries.insert(registry, auth);
                }
            }
        }
        all
    }

    async fn of(&self, registry: String) -> FoundCredentials {
        let this = self.clone();
        let found = tokio::task::spawn_blocking(move || this.look(&registry));
        found.await.unwrap_or_default()
    }

    fn look(&self, registry: &str) -> FoundCredentials {
        let mut found = FoundCredentials::default();
        for config in self.configs.iter() {
            let asked = config
                .helper(registry)
                .map(|name| helper::ask(name, registry, self.patience));
            for outcome in asked.into_iter().chain([config.stored(registry)]) {
                match outcome {
                    Ok(None) => {}
                    Ok(auth) => {
                        found.auth = auth;
                        return found;
                    }
                    Err(warning) => found.warnings.push(warning),
                }
            }
        }
        found
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}
