//! The engines to choose from, in order of preference.

use isolation::Registry;
use isolation::engines::docker::{DockerEngine, PullPolicy, PullProgress};
use tokio::sync::watch;

use crate::client::Client;
use crate::error::CliError;

/// The name of the engine of containers.
pub(crate) use isolation::engines::docker::NAME as DOCKER;

/// How far a pull is; the default until one begins.
pub(crate) type Pulling = watch::Receiver<PullProgress>;

/// The engines, containers first: they keep apart what the others only keep in order.
///
/// An engine that the options name is connected to now; otherwise the docker engine looks for one when
/// it is first asked.
pub(crate) fn open(client: &Client, policy: PullPolicy) -> Result<(Registry, Pulling), CliError> {
    let (tell, pulling) = watch::channel(PullProgress::default());
    let docker = match client.named() {
        Some(docker) => DockerEngine::new(docker.clone()),
        None => DockerEngine::default(),
    };
    // Nobody looks any more when the run is over.
    let docker = docker
        .with_pull(policy)
        .with_progress(move |progress| drop(tell.send(progress.clone())));
    let mut registry = Registry::new();
    registry.register(docker)?;
    #[cfg(unix)]
    registry.register(isolation::engines::basic::BasicEngine::new())?;
    Ok((registry, pulling))
}
