//! The networks and volumes that a specification names.

use engine_api::Docker;

use super::{networks, volumes};
use crate::error::Result;
use crate::spec::EnvironmentSpec;
use crate::spec::mount::MountSource;
use crate::spec::network::{NetworkMode, check_forwarded};

/// Replaces the names of networks and volumes by those on the daemon.
///
/// # Errors
///
/// If one does not exist, or another container has an alias of the environment on its network.
pub(super) async fn names(docker: &Docker, spec: &mut EnvironmentSpec) -> Result<()> {
    of_networks(docker, spec).await?;
    of_volumes(docker, spec).await
}

/// Replaces the names of networks by those on the daemon.
async fn of_networks(docker: &Docker, spec: &mut EnvironmentSpec) -> Result<()> {
    let aliases = spec.network.aliases.clone();
    if let NetworkMode::Named(name) = &mut spec.network.mode {
        let network = networks::resolve(docker, name).await?;
        if network.internal {
            spec.network.ports.iter().try_for_each(check_forwarded)?;
        }
        networks::check_aliases(docker, &network, &aliases, "").await?;
        *name = network.name;
    }
    for name in &mut spec.network.join {
        *name = networks::resolve(docker, name).await?.name;
    }
    Ok(())
}

/// Replaces the names of volumes by those on the daemon. It would create a volume that does not
/// exist, and that would stay for ever.
async fn of_volumes(docker: &Docker, spec: &mut EnvironmentSpec) -> Result<()> {
    for mount in &mut spec.mounts {
        if let MountSource::Volume(name) = &mut mount.source {
            *name = volumes::resolve(docker, name).await?;
        }
    }
    Ok(())
}
