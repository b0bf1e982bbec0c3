//! The configuration of the engine `docker`.

use std::time::Duration;

use engine_api::Docker;
use engine_api::connect::Address;
use serde::{Deserialize, Serialize};

use crate::engines::docker::{DockerEngine, DockerSettings, ImageNames, NAME, PullPolicy};
use crate::error::{Error, Result};
use crate::spec::limits::ResourceLimits;
use crate::spec::subnet::Subnet;
use crate::spec::units;
use crate::spec::validate::Faults;

/// The section `docker` of a configuration. A missing value has the default of
/// [`Config::defaults`](super::Config::defaults).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerConfig {
    /// The address of the Docker daemon. The environment variables `DOCKER_HOST` and
    /// `DOCKER_CONTEXT` replace it: see [`Settings`](super::Settings).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_host: Option<String>,
    /// The default image of environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_image: Option<String>,
    /// The registry of image names without a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_registry: Option<String>,
    /// When images are pulled: `missing`, `always` or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullPolicy>,
    /// Timeout of a pull. In JSON, seconds or a text such as `"10m"`.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub pull_timeout: Option<Duration>,
    /// Timeout of a build.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub build_timeout: Option<Duration>,
    /// Timeout of the daemon for creating a container and for starting it, without pulls.
    #[serde(with = "units::duration", skip_serializing_if = "Option::is_none")]
    pub container_timeout: Option<Duration>,
    /// The registry that replaces Docker Hub for image names without a registry:
    /// `host[:port]`. See [`ImageNames`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry_mirror: Option<String>,
    /// A text before the names of images without a registry that are pulled, such as
    /// `registry.test/hub`. See [`ImageNames`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_prefix: Option<String>,
    /// The prefix of the names of containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_prefix: Option<String>,
    /// The preferred address range of networks. Each network gets a free part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_subnet: Option<Subnet>,
    /// The prefix of the names of networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_prefix: Option<String>,
    /// The directory for volumes on the machine of the daemon: see
    /// [`DockerSettings::volume_base_path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_base_path: Option<String>,
    /// The host at which published ports are reached, if that is not the host in the address of
    /// the daemon: see [`DockerSettings::published_host`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_host: Option<String>,
    /// The prefix of the names of volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_prefix: Option<String>,
    /// The limits of environments without their own; 0 switches a limit off.
    pub resource_limits: ResourceLimits,
}

impl DockerConfig {
    /// The engine for the daemon that this configuration names, or for the one that
    /// [`Docker::from_env`] finds on first use.
    ///
    /// # Errors
    ///
    /// When the address is invalid, or its certificates cannot be read.
    pub fn engine(&self) -> Result<DockerEngine> {
        let engine = match &self.docker_host {
            Some(host) => DockerEngine::new(Docker::from_address(host).map_err(|e| Error::engine(NAME, e))?),
            None => DockerEngine::default(),
        };
        self.configure(engine)
    }

    /// The same engine with the settings of this configuration. Its daemon and its use of command
    /// shells stay.
    pub fn configure(&self, engine: DockerEngine) -> Result<DockerEngine> {
        let settings = DockerSettings {
            command_shells: engine.settings().command_shells,
            repeatable_commands: engine.settings().repeatable_commands,
            disk_measurements: engine.settings().disk_measurements,
            ..self.settings()
        };
        engine.with_settings(settings)
    }

    /// The names under which every engine pulls images: the default registry, otherwise the mirror
    /// and the prefix.
    pub fn image_names(&self) -> ImageNames {
        let DockerSettings {
            default_registry,
            image_names,
            ..
        } = self.settings();
        match default_registry == DockerSettings::default().default_registry {
            true => image_names,
            false => ImageNames::below(&default_registry),
        }
    }

    /// The settings of the engine.
    fn settings(&self) -> DockerSettings {
        let base = DockerSettings::default();
        let set = self.clone().over(Self::defaults());
        let or = |value: Option<String>, default: String| value.unwrap_or(default);
        DockerSettings {
            default_image: or(set.default_image, base.default_image),
            default_registry: or(set.default_registry, base.default_registry),
            pull: set.pull.unwrap_or(base.pull),
            pull_timeout: set.pull_timeout.unwrap_or(base.pull_timeout),
            build_timeout: set.build_timeout.unwrap_or(base.build_timeout),
            container_timeout: set.container_timeout.unwrap_or(base.container_timeout),
            container_prefix: or(set.container_prefix, base.container_prefix),
            network_subnet: set.network_subnet,
            network_prefix: or(set.network_prefix, base.network_prefix),
            volume_base_path: set.volume_base_path,
            published_host: set.published_host,
            volume_prefix: or(set.volume_prefix, base.volume_prefix),
            limits: without_zeros(&set.resource_limits),
            image_names: ImageNames {
                registry_mirror: set.registry_mirror,
                image_prefix: set.image_prefix,
            },
            command_shells: base.command_shells,
            repeatable_commands: base.repeatable_commands,
            disk_measurements: base.disk_measurements,
        }
    }

    /// The default of each value that has one.
    pub(super) fn defaults() -> Self {
        let settings = DockerSettings::default();
        Self {
            docker_host: None,
            default_image: Some(settings.default_image),
            default_registry: Some(settings.default_registry),
            pull: Some(settings.pull),
            registry_mirror: None,
            image_prefix: None,
            pull_timeout: Some(settings.pull_timeout),
            build_timeout: Some(settings.build_timeout),
            container_timeout: Some(settings.container_timeout),
            container_prefix: Some(settings.container_prefix),
            network_subnet: "172.20.0.0/16".parse().ok(),
            network_prefix: Some(settings.network_prefix),
            volume_base_path: Some("/var/lib/ptest/volumes".to_owned()),
            published_host: None,
            volume_prefix: Some(settings.volume_prefix),
            resource_limits: ResourceLimits {
                memory: Some(512 << 20),
                cpus: Some(1.0),
                disk: Some(10 << 30),
                ..ResourceLimits::default()
            },
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(host) = &self.docker_host {
            let parsed = host.parse::<Address>().map(drop);
            faults.add(parsed.map_err(|error| Error::invalid(error.to_string())));
        }
        self.settings().check(faults);
    }

    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            docker_host: self.docker_host.or(weaker.docker_host),
            default_image: self.default_image.or(weaker.default_image),
            default_registry: self.default_registry.or(weaker.default_registry),
            pull: self.pull.or(weaker.pull),
            pull_timeout: self.pull_timeout.or(weaker.pull_timeout),
            build_timeout: self.build_timeout.or(weaker.build_timeout),
            container_timeout: self.container_timeout.or(weaker.container_timeout),
            registry_mirror: self.registry_mirror.or(weaker.registry_mirror),
            image_prefix: self.image_prefix.or(weaker.image_prefix),
            container_prefix: self.container_prefix.or(weaker.container_prefix),
            network_subnet: self.network_subnet.or(weaker.network_subnet),
            network_prefix: self.network_prefix.or(weaker.network_prefix),
            volume_base_path: self.volume_base_path.or(weaker.volume_base_path),
            published_host: self.published_host.or(weaker.published_host),
            volume_prefix: self.volume_prefix.or(weaker.volume_prefix),
            resource_limits: self.resource_limits.or(&weaker.resource_limits),
        }
    }
}

/// The limits without those of 0: with 0, a configuration removes a default limit.
fn without_zeros(limits: &ResourceLimits) -> ResourceLimits {
    ResourceLimits {
        memory: limits.memory.filter(|limit| *limit > 0),
        cpus: limits.cpus.filter(|limit| *limit != 0.0),
        pids: limits.pids.filter(|limit| *limit > 0),
        disk: limits.disk.filter(|limit| *limit > 0),
        ..limits.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[test]
    fn engine_uses_the_address_of_the_configuration() {
        let address = |host: Option<&str>| {
            let config = DockerConfig {
                docker_host: host.map(str::to_owned),
                ..DockerConfig::default()
            };
            config.engine().map(|engine| engine.address())
        };
        let given = address(Some("tcp://127.0.0.1:2375")).unwrap();
        assert_eq!(given.as_deref(), Some("tcp://127.0.0.1:2375"));
        let error = address(Some("carrier://x")).unwrap_err();
        assert!(format!("{error:?}").contains("carrier"), "{error:?}");
    }
}
