//! Saves containers and their volumes, restores and forks them.

#[cfg(unix)]
mod fork;
#[cfg(unix)]
mod image;
#[cfg(unix)]
mod listed;
#[cfg(unix)]
mod restore;
#[cfg(unix)]
mod save;
#[cfg(unix)]
mod stream;
#[cfg(unix)]
mod volumes;

use super::owned::{Kind, Owned};
use crate::engines::docker::DockerEngine;
use crate::environment::id::EnvironmentId;
use crate::journal::Journal;
use crate::spec::EnvironmentSpec;
use crate::spec::mount::{Mount, MountSource};

/// The repository of the images of forks and restored snapshots. It names a registry, so that no
/// other one is put in front of it, and it is never pulled.
pub(super) const REPOSITORY: &str = "localhost/isolation-state";

/// Whether an image has the state of an environment: its name was made here.
fn is_state(image: &str) -> bool {
    let tag = image
        .strip_prefix(REPOSITORY)
        .and_then(|rest| rest.strip_prefix(':'));
    tag.is_some_and(|tag| tag.parse::<EnvironmentId>().is_ok())
}

/// The resources of one environment on the daemon, beside its container and its network.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// The image; `None` for that of the specification.
    pub(super) image: Option<String>,
    /// The volumes, by their targets, and whether they are read-only.
    pub(super) volumes: Vec<(String, String, bool)>,
    /// The resources that are removed with the environment.
    pub(super) owned: Vec<Owned>,
}

impl Prepared {
    /// Puts image and volumes into a specification.
    pub(super) fn fill(&self, spec: &mut EnvironmentSpec) {
        if let Some(image) = &self.image {
            spec.image = Some(image.clone());
        }
        for (target, volume, read_only) in &self.volumes {
            let same = |mount: &Mount| mount.target.trim_end_matches('/') == target.trim_end_matches('/');
            spec.mounts.retain(|mount| !same(mount));
            spec.mounts.push(Mount {
                source: MountSource::Volume(volume.clone()),
                target: target.clone(),
                read_only: *read_only,
                // It has only the files of that directory.
                subpath: None,
            });
        }
    }
}

impl DockerEngine {
    /// The parts of an environment that another process may have created: its image and its
    /// volumes, by their names.
    pub(super) fn owned_by(
        &self,
        docker: &engine_api::Docker,
        id: &str,
        image: &str,
        spec: &EnvironmentSpec,
        journal: &Journal,
    ) -> Vec<Owned> {
        let mut owned = Vec::new();
        if is_state(image) {
            owned.push(Owned::opened(docker, Kind::Image, image, id).noted_in(journal));
        }
        for mount in &spec.mounts {
            if let MountSource::Volume(name) = &mount.source {
                if name.ends_with(id) {
                    owned.push(Owned::opened(docker, Kind::Volume, name, id));
                }
            }
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_of_another_name_is_not_ours() {
        assert!(is_state("localhost/isolation-state:0123456789abcdef"));
        for other in [
            "busybox",
            "localhost/isolation-state",
            "localhost/isolation-state:latest",
            "localhost/isolation-statement:0123456789abcdef",
            "localhost/isolation-state/x:0123456789abcdef",
        ] {
            assert!(!is_state(other), "{other}");
        }
    }
}
