//! The credentials that the docker command would use.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::config::{self, Config, path, registry_key};
use super::{RegistryAuth, helper};
use crate::error::{Error, Result};
use crate::images::ImageReference;
use crate::local_file;

/// The credentials that the docker command would use: from its configuration and its helpers.
#[derive(Clone)]
pub struct Credentials {
    /// The configurations, in the order in which they are searched.
    configs: Arc<[Config]>,
    /// Why an existing configuration could not be read.
    unreadable: Arc<[String]>,
    timeout: Duration,
    /// Whether they come from the environment, so that they can be read again.
    of_env: bool,
}

/// The credentials for one registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundCredentials {
    /// The credentials; `None` if none were found. Then the header must not be sent.
    pub auth: Option<RegistryAuth>,
    /// Why a source returned no credentials, for example because a helper is not installed. The
    /// registry may accept the request without credentials.
    pub warnings: Vec<String>,
}

/// The credentials for all registries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllCredentials {
    /// The credentials by the registry's name, as [`Images::build`](crate::images::Images::build)
    /// takes them.
    pub registries: BTreeMap<String, RegistryAuth>,
    /// Why a source returned no credentials. The build may not need them.
    pub warnings: Vec<String>,
}

impl AllCredentials {
    fn warn(&mut self, warning: String) {
        // A store that cannot run returns the same warning for each registry.
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Credentials {
    /// Reads `DOCKER_AUTH_CONFIG`, and `config.json` in `DOCKER_CONFIG` or in `~/.docker`. Both are
    /// optional. A file without read permission is only a warning in each result of
    /// [`Credentials::find`], because most images need no credentials.
    ///
    /// Without any registry or helper in `config.json`, the helper of this platform is asked if it
    /// is installed, as the docker command does: `osxkeychain`, `wincred`, `pass` or
    /// `secretservice`.
    ///
    /// # Errors
    ///
    /// When one of them is not a valid configuration.
    pub async fn from_env() -> Result<Self> {
        let read = tokio::task::spawn_blocking(|| Self::read(|name| std::env::var(name).ok()));
        let mut read = read.await.map_err(|error| Error::protocol(error.to_string()))??;
        read.of_env = true;
        Ok(read)
    }

    /// Reads the text of a `config.json`. An empty text contains no credentials.
    ///
    /// # Errors
    ///
    /// When it is not a valid configuration.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        Config::parse(text, "the configuration").map(|config| Self::new(vec![config], Vec::new()))
    }

    fn new(configs: Vec<Config>, unreadable: Vec<String>) -> Self {
        Self {
            configs: configs.into(),
            unreadable: unreadable.into(),
            timeout: helper::TIMEOUT,
            of_env: false,
        }
    }

    pub(super) fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let (mut configs, mut unreadable) = (Vec::new(), Vec::new());
        if let Some(text) = env("DOCKER_AUTH_CONFIG").filter(|text| !text.trim().is_empty()) {
            configs.push(Config::parse(text.as_bytes(), "DOCKER_AUTH_CONFIG")?);
        }
        if let Some(file) = path(&env) {
            match local_file::read(&file) {
                Ok(text) => {
                    let text = text.unwrap_or_default();
                    let config = Config::parse(&text, &file.display().to_string())?;
                    configs.push(config.with_platform_helper(env("PATH").as_deref()));
                }
                Err(error) => unreadable.push(format!(
                    "cannot read the credentials in {}: {error}",
                    file.display()
                )),
            }
        }
        Ok(Self::new(configs, unreadable))
    }

    /// Finds the credentials for an image's registry: in the registry's own helper, then in the
    /// store, then in the file itself. A helper is killed after ten seconds.
    pub async fn find(&self, image: &ImageReference) -> FoundCredentials {
        self.of(registry_key(image.registry())).await
    }

    /// Finds other credentials than those that a registry has rejected: a helper may have newer
    /// ones, because a token has expired or a user has logged in again. `None` if `error` is not a
    /// rejection, or if the credentials are still the same. Credentials
    /// [of the environment](Self::from_env) are read again.
    ///
    /// ```no_run
    /// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
    /// use engine_api::auth::Credentials;
    ///
    /// let image = "registry.example.com/team/app:1";
    /// let images = docker.images();
    /// let push = async |auth| images.push(image, Default::default(), auth).await?.last().await;
    /// let (credentials, reference) = (Credentials::from_env().await?, image.parse()?);
    /// let auth = credentials.find(&reference).await.auth;
    /// if let Err(error) = push(auth.as_ref()).await {
    ///     let newer = credentials.newer(&reference, auth.as_ref(), &error).await;
    ///     push(Some(&newer.ok_or(error)?)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn newer(
        &self,
        image: &ImageReference,
        rejected: Option<&RegistryAuth>,
        error: &Error,
    ) -> Option<RegistryAuth> {
        if !error.is_unauthorized() {
            return None;
        }
        let again = match self.of_env {
            // An invalid file has no newer credentials; the error at hand tells more.
            true => Self::from_env().await.ok()?,
            false => self.clone(),
        };
        let found = again.find(image).await.auth;
        found.filter(|found| Some(found) != rejected)
    }

    /// The credentials for every registry that the configuration names or its store lists. A build
    /// takes them.
    pub async fn all(&self) -> AllCredentials {
        let this = self.clone();
        let found = tokio::task::spawn_blocking(move || this.look_at_all());
        found.await.unwrap_or_default()
    }

    fn look_at_all(&self) -> AllCredentials {
        let mut all = AllCredentials {
            warnings: self.unreadable.to_vec(),
            ..AllCredentials::default()
        };
        for config in self.configs.iter() {
            let listed = config.store().map(|name| helper::list(name, self.timeout));
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
        let mut found = FoundCredentials {
            warnings: self.unreadable.to_vec(),
            ..FoundCredentials::default()
        };
        for config in self.configs.iter() {
            let helper = config
                .helper(registry)
                .map(|name| helper::get(name, registry, self.timeout));
            for outcome in helper.into_iter().chain([config.stored(registry)]) {
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
