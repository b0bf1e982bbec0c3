//! The configuration of the engine `docker`.

use engine_api::Docker;
use engine_api::connect::Address;
use serde::{Deserialize, Serialize};

use crate::engines::docker::{DockerEngine, NAME, PullPolicy};
use crate::error::{Error, Result};
use crate::spec::limits::ResourceLimits;
use crate::spec::validate::{self, Faults};

/// The section `docker` of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerConfig {
    /// The address of the Docker daemon. The environment variables `DOCKER_HOST` and
    /// `DOCKER_CONTEXT` replace it: see [`Settings`](super::Settings).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_host: Option<String>,
    /// The image of environments that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_image: Option<String>,
    /// When images are pulled: `missing`, `always` or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull: Option<PullPolicy>,
    /// The prefix of the names of containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_prefix: Option<String>,
    /// The limits of environments without their own.
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

    /// The same engine with this image, these limits …; its daemon stays.
    pub fn configure(&self, engine: DockerEngine) -> Result<DockerEngine> {
        let mut engine = engine.with_default_limits(self.resource_limits.clone());
        if let Some(image) = &self.default_image {
            engine = engine.with_default_image(image);
        }
        if let Some(policy) = self.pull {
            engine = engine.with_pull(policy);
        }
        match &self.container_prefix {
            Some(prefix) => engine.with_prefix(prefix),
            None => Ok(engine),
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        if let Some(host) = &self.docker_host {
            let parsed = host.parse::<Address>().map(drop);
            faults.add(parsed.map_err(|error| Error::invalid(error.to_string())));
        }
        if let Some(image) = &self.default_image {
            faults.add(validate::text("the image", image));
        }
        if let Some(prefix) = &self.container_prefix {
            faults.add(validate::name(prefix));
        }
        self.resource_limits.check(faults);
    }

    pub(super) fn over(self, weaker: Self) -> Self {
        Self {
            docker_host: self.docker_host.or(weaker.docker_host),
            default_image: self.default_image.or(weaker.default_image),
            pull: self.pull.or(weaker.pull),
            container_prefix: self.container_prefix.or(weaker.container_prefix),
            resource_limits: self.resource_limits.or(&weaker.resource_limits),
        }
    }
}
