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
        #[cfg(unix)]
        registry.register(crate::engines::basic::BasicEngine::new())?;
        #[cfg(unix)]
        registry.register(crate::engines::virtualenv::VirtualenvEngine::new())?;
        self.configure(&mut registry)?;
        Ok(registry)
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
mod tests {
    use super::*;
    use crate::{ErrorKind, IsolationLevel};

    fn rejected(text: &str) -> String {
        let error = Config::from_json(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        error.to_string()
    }

    #[test]
    fn every_key_is_read_and_written() {
        let text = r#"{
            "version": 1, "engine": "docker", "require": "container,memory-limit", "timeout": "1m30s",
            "pool": 2, "engines": {"basic": {"enabled": false}, "docker": {"priority": -3}},
            "docker": {
                "docker_host": "tcp://127.0.0.1:1", "default_image": "busybox", "pull": "never",
                "default_registry": "registry.test", "pull_timeout": "1m", "build_timeout": 7,
                "container_timeout": 9.5, "registry_mirror": "mirror.test:5000", "image_prefix": "hub",
                "container_prefix": "ci-", "network_subnet": "10.0.0.0/8",
                "network_prefix": "net-", "volume_base_path": "/v", "volume_prefix": "vol-",
                "published_host": "docker.test",
                "resource_limits": {"memory": "64m", "cpus": 0.5, "pids": 9, "disk": "1g"}
            }
        }"#;
        let config = Config::from_json(text).unwrap();
        assert_eq!(config.timeout, Some(Duration::from_secs(90)));
        assert_eq!(config.manager_options().pool, 2);
        assert_eq!(Config::default().manager_options().pool, 0);
        assert_eq!(config.docker.resource_limits.memory, Some(64 << 20));
        assert_eq!(config.choice(), EngineChoice::Named("docker".into()));
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(Config::from_json(&written).unwrap(), config);
        // A key that this test does not set would have no value here.
        let value = serde_json::to_value(&config).unwrap();
        assert!(
            keys::KEYS.iter().all(|key| keys::value(&value, key).is_some()),
            "{value}"
        );
        assert_eq!(config.clone().over(Config::defaults()), config);
    }

    #[test]
    fn limit_of_0_removes_the_default() {
        let limits = |text: &str| {
            let config = Config::from_json(text).unwrap();
            config.docker.engine().unwrap().settings().limits.clone()
        };
        let default = limits("{}");
        assert_eq!(
            (default.memory, default.cpus, default.disk),
            (Some(512 << 20), Some(1.0), Some(10 << 30))
        );
        let none = r#"{"docker": {"resource_limits": {"memory": 0, "cpus": 0, "disk": 0, "pids": 0}}}"#;
        assert_eq!(limits(none), crate::ResourceLimits::default());
    }

    #[test]
    fn invalid_value_is_rejected_with_its_line_or_a_hint() {
        for (text, words) in [
            ("{\n\"engine\": 5}", "engine: a text is expected, not a number"),
            ("{\n\n", "line 3"),
            (r#"{"version": 2}"#, "reads the versions up to 1"),
            (r#"{"engine": " "}"#, "the engine is blank"),
            (r#"{"require": "jail"}"#, "container"),
            (
                r#"{"engines": {"basic": {"enable": true}}}"#,
                "did you mean \"enabled\"",
            ),
            (
                r#"{"engines": {"basic": 1}}"#,
                "engines.basic: an object is expected",
            ),
            (
                r#"{"engines": {"basic": {"priority": "x"}}}"#,
                "a whole number is expected, not a text",
            ),
            (r#"{"engine": "basic", "engine": "docker"}"#, "twice"),
            (r#"{"timeout": 0}"#, "greater than 0"),
            (r#"{"timeout": "soon"}"#, "30s"),
            (r#"{"docker": {"pull": "often"}}"#, "missing"),
            (r#"{"docker": {"docker_host": "carrier://x"}}"#, "unix:///"),
            (r#"{"docker": {"default_image": ""}}"#, "the image is blank"),
            (r#"{"docker": {"container_prefix": "-"}}"#, "letter or digit"),
            (
                r#"{"docker": {"registry_mirror": "https://x"}}"#,
                "is not a registry",
            ),
            (r#"{"docker": {"image_prefix": "a b"}}"#, "cannot stand before"),
            (
                r#"{"docker": {"resource_limits": {"cpus": -1}}}"#,
                "not a number of CPUs",
            ),
            (r#"{"docker": {"pull_timeout": 0}}"#, "pull_timeout must be"),
            (
                r#"{"docker": {"network_subnet": "172.20.0.1/16"}}"#,
                "write 172.20.0.0/16",
            ),
            (
                r#"{"docker": {"default_registry": "https://x"}}"#,
                "is not a registry",
            ),
            (r#"{"docker": {"volume_base_path": "x"}}"#, "absolute path"),
            (r#"{"docker": {"volume_prefix": "_"}}"#, "letter or digit"),
            (r#"{"docker": {"published_host": "x:80"}}"#, "without a port"),
        ] {
            assert!(rejected(text).contains(words), "{text}: {}", rejected(text));
        }
    }

    #[test]
    fn every_fault_of_a_file_is_reported() {
        let text = r#"{"engin": "x", "engine": "", "timeout": [], "engines": {"basic": {"enable": 1, "priority": 1.5}},
            "docker": {"pull": "often", "default_image": "", "default_imgae": 1, "pull_timeout": 0,
                       "resource_limits": {"memory": "lots", "cpus": -1, "gpus": 1}}}"#;
        let error = Config::from_json(text).unwrap_err();
        let found: Vec<String> = error.failures().iter().map(ToString::to_string).collect();
        for start in [
            "engin: unknown key; did you mean \"engine\"?",
            "engine: the engine is blank",
            "timeout: a number is expected, or a text",
            "engines.basic.enable: unknown key; did you mean \"enabled\"?",
            "engines.basic.priority: a whole number is expected",
            "docker.pull: unknown value \"often\"; use ",
            "docker.default_image: the image is blank",
            "docker.default_imgae: unknown key; did you mean \"docker.default_image\"?",
            "docker.pull_timeout: ",
            "docker.resource_limits.memory: \"lots\" is not a size",
            "docker.resource_limits.cpus: ",
            "docker.resource_limits.gpus: unknown key; did you mean \"docker.resource_limits.cpus\"?",
        ] {
            assert!(
                found.iter().any(|text| text.starts_with(start)),
                "{start}: {found:#?}"
            );
        }
        assert_eq!(found.len(), 12, "{found:#?}");
        // The keys of version 0 are those of the file.
        let old = rejected(r#"{"default_image": "", "pull_timeout": 0}"#);
        assert!(old.starts_with("default_image: "), "{old}");
    }

    #[test]
    fn specification_and_command_keep_their_own_values() {
        let config = Config::from_json(r#"{"require": "container,tty", "timeout": 5}"#).unwrap();
        let mut spec = EnvironmentSpec::default();
        config.fill_spec(&mut spec);
        assert_eq!(spec.isolation, Some(IsolationLevel::Container));
        assert!(spec.required_features().contains(&crate::Feature::Tty));
        spec.isolation = Some(IsolationLevel::Process);
        config.fill_spec(&mut spec);
        assert_eq!(spec.isolation, Some(IsolationLevel::Process));
        let mut command = Command::new(["true"]);
        config.fill_command(&mut command);
        assert_eq!(command.timeout, Some(Duration::from_secs(5)));
        command.timeout = Some(Duration::from_secs(1));
        config.fill_command(&mut command);
        assert_eq!(command.timeout, Some(Duration::from_secs(1)));
    }
}
