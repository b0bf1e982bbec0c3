//! The network of another environment: that of its container.

use engine_api::Docker;
use engine_api::containers::{CreateContainer, RunState};

use crate::engines::docker::container::ContainerRef;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::listed::{self, Listed};
use crate::engines::docker::options::DockerOptions;
use crate::error::{Error, ErrorKind, Result};

/// The mode of a container that has the network of another one.
pub(in crate::engines::docker) fn mode(container: &str) -> String {
    format!("container:{container}")
}

/// Rejects options that the daemon rejects for such a container.
pub(in crate::engines::docker) fn check(options: &DockerOptions, other: &str) -> Result<()> {
    let what = match (&options.hostname, options.extra_hosts.is_empty()) {
        (Some(_), _) => "hostname",
        (None, false) => "extra_hosts",
        (None, true) => return Ok(()),
    };
    Err(Error::invalid(format!(
        "an environment with the network of {other} has its host names, too; set the option {what} there"
    )))
}

/// The container of another environment.
async fn container_of(docker: &Docker, prefix: &str, other: &str) -> Result<Listed> {
    let found = listed::of_environment(docker, prefix, other).await?;
    found.into_iter().next().ok_or_else(|| {
        Error::not_found(format!(
            "the environment {other}, whose network it has, does not exist on this daemon; create it first, and \
             name it by its ID"
        ))
    })
}

/// Gives a new container the network of another environment.
pub(in crate::engines::docker) async fn join(
    docker: &Docker,
    prefix: &str,
    other: &str,
    body: &mut CreateContainer,
) -> Result<()> {
    let found = container_of(docker, prefix, other).await?;
    body.host_config.network_mode = mode(&found.container.id);
    Ok(())
}

/// Whether a container must be made anew before its start: that of the other environment was made
/// anew after it.
///
/// # Errors
///
/// If the other environment does not run, or if this one has files that would be lost.
pub(in crate::engines::docker) async fn is_outdated(
    container: &ContainerRef,
    prefix: &str,
    other: &str,
) -> Result<bool> {
    let found = container_of(&container.docker, prefix, other).await?;
    if found.container.state != RunState::Running {
        let text = format!(
            "the environment {other}, whose network it has, does not run; start that one first: `isolate start \
             {other}`, or Environment::start"
        );
        return Err(Error::new(ErrorKind::WrongStatus, text));
    }
    let own = container.inspect().await.map_err(to_error)?;
    if own.host_config.network_mode == mode(&found.container.id) {
        return Ok(false);
    }
    match own.state.status {
        RunState::Created => Ok(true),
        _ => Err(Error::new(
            ErrorKind::WrongStatus,
            format!(
                "the container of the environment {other}, whose network it has, was made anew; destroy this one, and \
                 create another"
            ),
        )),
    }
}
