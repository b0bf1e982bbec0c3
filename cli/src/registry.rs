//! The isolation engines of this command, in order of preference.

use isolation::Registry;
use isolation::config::DockerConfig;
use isolation::engines::docker::{DockerEngine, PullPolicy};

use crate::client::Client;
use crate::error::CliError;

/// The name of the engine that uses containers.
pub(crate) use isolation::engines::docker::NAME as DOCKER;

/// The name of the engine that uses virtual environments of Python.
pub(crate) use isolation::engines::VIRTUALENV;

/// The engines, with containers first because they isolate most.
///
/// The engine `docker` uses the daemon that an option or a configuration file names. Without one it
/// looks for a daemon on first use.
pub(crate) fn open(client: &Client, policy: PullPolicy) -> Result<Registry, CliError> {
    let docker = match client.named() {
        // A recording must be the same each time.
        Some(docker) if client.is_recorded() => DockerEngine::new(docker.clone()).repeatable(),
        Some(docker) => DockerEngine::new(docker.clone()),
        None => DockerEngine::default().with_found_client(client.prepare()),
    };
    let config = DockerConfig {
        pull: Some(policy),
        ..client.config().docker.clone()
    };
    let mut registry = Registry::new();
    registry.register(config.configure(docker)?)?;
    #[cfg(target_os = "linux")]
    registry.register(client.config().sandbox()?)?;
    #[cfg(unix)]
    registry.register(isolation::engines::basic::BasicEngine::new())?;
    #[cfg(unix)]
    registry.register(isolation::engines::virtualenv::VirtualenvEngine::new())?;
    #[cfg(unix)]
    registry.register_external();
    client.config().configure(&mut registry)?;
    Ok(registry)
}

/// Every engine, without a configuration: only for their names.
pub(crate) fn every_engine() -> Registry {
    let mut registry = Registry::with_builtin();
    #[cfg(unix)]
    registry.register_external();
    registry
}
