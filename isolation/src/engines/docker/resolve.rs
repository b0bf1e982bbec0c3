//! The networks and volumes that a specification names.

use std::collections::BTreeMap;

use engine_api::networks::Network;
use engine_api::{Docker, Version};

use super::diagnostics::to_error;
use super::{DockerEngine, NAME, networks, volumes};
use crate::engine::capabilities::{Feature, MissingFeature};
use crate::environment::id::EnvironmentId;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::MountSource;
use crate::spec::network::{BRIDGE, HOST, NetworkMode, WITHOUT_NAMES, check_alias, check_forwarded};

impl DockerEngine {
    /// Replaces the names of networks and volumes by those on the daemon. On networks that somebody
    /// has created, the name of the environment is an alias, as that of every container is with the
    /// docker command. Returns why it is not.
    ///
    /// # Errors
    ///
    /// If one does not exist, or another container has an alias of the environment on its network.
    pub(super) async fn resolve_names(
        &self,
        docker: &Docker,
        id: &EnvironmentId,
        spec: &mut EnvironmentSpec,
    ) -> Result<Vec<String>> {
        let networks = of_networks(docker, (&self.settings().network_prefix, id), spec).await?;
        let taken = add_name(docker, &networks, spec).await?;
        of_volumes(docker, spec).await?;
        Ok(taken)
    }
}

/// Makes the name of an environment an alias on these networks, if it can be one.
async fn add_name(docker: &Docker, networks: &[Network], spec: &mut EnvironmentSpec) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    let Some(name) = spec.name.clone().filter(|name| check_alias(name).is_ok()) else {
        return Ok(taken);
    };
    if spec.network.mode == NetworkMode::Private && !spec.network.aliases.contains(&name) {
        spec.network.aliases.push(name);
        return Ok(taken);
    }
    for network in networks {
        let has = spec.network.aliases_for(&network.name).contains(&name);
        if has || WITHOUT_NAMES.contains(&network.name.as_str()) {
            continue;
        }
        match networks::check_aliases(docker, network, std::slice::from_ref(&name), "").await {
            Ok(()) => {
                let aliases = spec.network.aliases_on.entry(network.name.clone()).or_default();
                aliases.push(name.clone());
            }
            Err(error) if error.kind() == ErrorKind::Conflict => taken.push(format!(
                "it is not reached by its name {name} on the network {}: another container has that name; name an \
                 alias",
                network.name
            )),
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

/// Replaces the names of networks by those on the daemon, and returns those that exist. Those of
/// its own are created later.
async fn of_networks(
    docker: &Docker,
    (prefix, id): (&str, &EnvironmentId),
    spec: &mut EnvironmentSpec,
) -> Result<Vec<Network>> {
    let network = &mut spec.network;
    let (mut names, mut existing) = (BTreeMap::new(), Vec::new());
    if let NetworkMode::Named(name) = &network.mode {
        // Every daemon knows these modes, also one without a network of that name.
        let is_mode = matches!(name.as_str(), HOST | BRIDGE);
        if !is_mode && !network.own.contains_key(name) {
            let found = networks::resolve(docker, name).await?;
            if found.internal {
                network.ports.iter().try_for_each(check_forwarded)?;
                if network.publish_all {
                    let why =
                        "an internal network has only ports that are named; name them, without publish_all";
                    return Err(Error::invalid(why));
                }
            }
            networks::check_aliases(docker, &found, &network.aliases_for(name), "").await?;
            names.insert(name.clone(), found.name.clone());
            existing.push(found);
        }
    }
    for name in network
        .join
        .iter()
        .filter(|name| !network.own.contains_key(*name))
    {
        let found = networks::resolve(docker, name).await?;
        networks::check_aliases(docker, &found, &network.aliases_for(name), "").await?;
        names.insert(name.clone(), found.name.clone());
        existing.push(found);
    }
    for (name, own) in &network.own {
        let on_daemon = own.name.clone();
        let on_daemon = on_daemon.unwrap_or_else(|| networks::own_name(prefix, id, name));
        names.insert(name.clone(), on_daemon);
    }
    network.rename_networks(|name| names.get(name).cloned());
    Ok(existing)
}

/// From this API version on, a directory in a volume can be mounted.
const SUBPATHS: Version = Version::new(1, 45);

/// Rejects directories in volumes if the daemon would mount the whole volumes.
pub(super) async fn check_subpaths(docker: &Docker, spec: &EnvironmentSpec) -> Result<()> {
    let Some(mount) = spec.mounts.iter().find(|mount| mount.subpath.is_some()) else {
        return Ok(());
    };
    let version = docker.version().await.map_err(to_error)?;
    match version >= SUBPATHS {
        true => Ok(()),
        false => Err(Error::unsupported(
            NAME,
            vec![MissingFeature {
                feature: Feature::Volumes,
                reason: format!(
                    "the mount {} has a subpath, which needs API {SUBPATHS}, and the daemon has {version}",
                    mount.target
                ),
            }],
        )),
    }
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
