//! The configuration of a program that creates environments: engine, image, limits.
//!
//! [`Config`] is the content of one JSON file. [`Settings`] combines the files and the environment
//! variables, and knows the source of each value.
//!
//! ```
//! use isolation::config::Config;
//!
//! let config = Config::from_json(r#"{
//!     "version": 1,
//!     "engine": "docker",
//!     "timeout": "10m",
//!     "docker": {"default_image": "busybox", "resource_limits": {"memory": "512m"}}
//! }"#)?;
//! let registry = config.registry()?; // the engines, configured
//! assert!(registry.get("docker").is_ok());
//! # isolation::Result::Ok(())
//! ```

mod docker_config;
mod files;
mod keys;
mod settings;
mod source;
mod upgrade;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use docker_config::DockerConfig;
pub use settings::Settings;
pub use source::{Setting, Source};

use crate::command::Command;
#[cfg(target_os = "linux")]
use crate::engines::sandbox::SandboxEngine;
use crate::error::{Error, Result};
use crate::manager::options::ManagerOptions;
use crate::manager::registry::{EngineChoice, EngineSettings, Registry};
use crate::spec::requirements::Requirements;
use crate::spec::validate::{self, Faults};
use crate::spec::{EnvironmentSpec, json_file, units};

/// The version of the format.
pub const VERSION: u32 = 1;

/// The content of a configuration file. A missing value has a default, or no effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The version of the format: [`VERSION`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The engine, or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The requirements on an engine: `container`, `memory-limit,network-isolation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<Requirements>,
    /// The timeout of commands without their own. In JSON, seconds or a text such as `"1m30s"`.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The number of environments that a manager prepares ahead for each specification; see
    /// [`ManagerOptions::pool`]. 0 is off, which is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<usize>,
    /// Whether engines may be chosen, and their priority, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub engines: BTreeMap<String, EngineSettings>,
    /// The engine `docker`.
    pub docker: DockerConfig,
}

impl Config {
    /// Reads a configuration from JSON, and checks it.
    ///
    /// # Errors
    ///
    /// The error lists every fault with the path of its key ([`Error::failures`]): unknown keys
    /// with the most similar known one, and invalid values. For a text that is not JSON, it names
    /// the line.
    pub fn from_json(text: &str) -> Result<Self> {
        Self::with_version(text).map(|(config, _)| config)
    }

    /// Like [`from_json`](Self::from_json); also returns the version of the format of the text.
    /// Version 0 has no sections: the keys of the engine `docker` are at the top level.
    pub fn with_version(text: &str) -> Result<(Self, u32)> {
        let mut value = json_file::parse(text)?;
        let version = upgrade::upgrade(&mut value)?;
        let mut faults = keys::faults(&value);
        if !faults.is_empty() {
            if version == 0 {
                faults.iter_mut().for_each(upgrade::as_in_the_file);
            }
            return Err(json_file::listed(faults));
        }
        // The text, if it is in the current form: only it shows that a key is there twice.
        let config: Self = match version {
            0 => json_file::read(&value.to_string(), |_| Vec::new()),
            _ => json_file::read(text, |_| Vec::new()),
        }?;
        config.validate()?;
        Ok((config, version))
    }

    /// Reads a configuration from a file; also returns the version of its format, like
    /// [`with_version`](Self::with_version).
    ///
    /// # Errors
    ///
    /// The file does not exist, or is invalid. The error names it.
    pub fn from_file(file: &Path) -> Result<(Self, u32)> {
        files::read(file)?.ok_or_else(|| files::missing(file))
    }

    /// Rejects values that can have no effect. The error lists every fault.
    pub fn validate(&self) -> Result<()> {
        let mut faults = Faults::default();
        if let Some(version) = self.version.filter(|version| *version != VERSION) {
            let why = format!(
                "the version {version} is not known; this program reads the versions up to {VERSION}"
            );
            faults.add(Err(Error::invalid(why)));
        }
        if let Some(engine) = &self.engine {
            faults.add(validate::text("the engine", engine));
        }
        if self.timeout == Some(Duration::ZERO) {
            let why = "a timeout must be greater than 0; omit it for no timeout";
            faults.add(Err(Error::invalid(why)));
        }
        self.docker.check(&mut faults);
        faults.into_result()
    }

    /// The engines of this crate with this configuration, in order of preference.
    ///
    /// # Errors
    ///
    /// When the address of the Docker daemon is invalid.
    pub fn registry(&self) -> Result<Registry> {
        let mut registry = Registry::new();
        registry.register(self.docker.engine()?)?;
        #[cfg(target_os = "linux")]
        registry.register(self.sandbox()?)?;
        #[cfg(unix)]
        registry.register(crate::engines::basic::BasicEngine::new())?;
        #[cfg(unix)]
        registry.register(crate::engines::virtualenv::VirtualenvEngine::new())?;
        self.configure(&mut registry)?;
        Ok(registry)
    }

    /// The engine `sandbox`, which imports images by the same names as the engine `docker`.
    ///
    /// # Errors
    ///
    /// When a mirror or a prefix cannot be a part of an image's name.
    #[cfg(target_os = "linux")]
    pub fn sandbox(&self) -> Result<SandboxEngine> {
        SandboxEngine::new().with_image_names(self.docker.image_names())
    }

    /// Sets whether engines of a registry may be chosen, and their priority.
    ///
    /// # Errors
    ///
    /// An engine that is enabled by name is not registered.
    pub fn configure(&self, registry: &mut Registry) -> Result<()> {
        for (name, settings) in &self.engines {
            // A disabled engine may be missing.
            if settings.enabled != Some(false) || registry.get(name).is_ok() {
                registry.configure(name, settings)?;
            }
        }
        Ok(())
    }

    /// The options of a manager with this configuration.
    pub fn manager_options(&self) -> ManagerOptions {
        ManagerOptions {
            pool: self.pool.unwrap_or_default(),
            ..ManagerOptions::default()
        }
    }

    /// Which engine to use.
    pub fn choice(&self) -> EngineChoice {
        match self.engine.as_deref() {
            None | Some("auto") => EngineChoice::Auto,
            Some(name) => EngineChoice::Named(name.to_owned()),
        }
    }

    /// Adds missing values to a specification: sets [`EnvironmentSpec::isolation`], and extends
    /// [`EnvironmentSpec::require`].
    pub fn fill_spec(&self, spec: &mut EnvironmentSpec) {
        if let Some(required) = &self.require {
            spec.isolation = spec.isolation.or(required.isolation);
            spec.require.extend(&required.features);
        }
    }

    /// Adds the missing [`Command::timeout`] to a command.
    pub fn fill_command(&self, command: &mut Command) {
        command.timeout = command.timeout.or(self.timeout);
    }

    /// The default of each value that has one.
    pub fn defaults() -> Self {
        Self {
            version: Some(VERSION),
            engine: Some("auto".to_owned()),
            pool: Some(0),
            docker: DockerConfig::defaults(),
            ..Self::default()
        }
    }

    /// These values, and those of `weaker` where one is missing.
    #[must_use]
    pub fn over(self, weaker: Self) -> Self {
        Self {
            version: self.version.or(weaker.version),
            engine: self.engine.or(weaker.engine),
            require: self.require.or(weaker.require),
            timeout: self.timeout.or(weaker.timeout),
            pool: self.pool.or(weaker.pool),
            engines: merged(self.engines, weaker.engines),
            docker: self.docker.over(weaker.docker),
        }
    }
}

/// The settings of each engine, the stronger ones first.
fn merged(
    mut stronger: BTreeMap<String, EngineSettings>,
    weaker: BTreeMap<String, EngineSettings>,
) -> BTreeMap<String, EngineSettings> {
    for (name, other) in weaker {
        let own = stronger.entry(name).or_default();
        own.enabled = own.enabled.or(other.enabled);
        own.priority = own.priority.or(other.priority);
    }
    stronger
}

#[cfg(test)]
mod tests;
