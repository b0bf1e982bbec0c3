//! Mounts to which an environment writes.

use std::os::unix::fs::MetadataExt;

use super::identity::Identity;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::MountSource;

/// Rejects a writable mount to which the root of the environment could not write.
pub(super) fn check(spec: &EnvironmentSpec, identity: Identity) -> Result<()> {
    let Some(owner) = identity.owner() else {
        return Ok(());
    };
    for mount in spec.mounts.iter().filter(|mount| !mount.read_only) {
        let MountSource::Host(path) = &mount.source else {
            continue;
        };
        let meta = path.metadata().map_err(|e| Error::io("inspect", path, e))?;
        let writable = match (meta.uid() == owner.user, meta.gid() == owner.group) {
            (true, _) => meta.mode() & 0o200 != 0,
            (_, true) => meta.mode() & 0o020 != 0,
            _ => meta.mode() & 0o002 != 0,
        };
        if !writable {
            return Err(Error::invalid(format!(
                "the root of the environment, user {1} of this machine, could not write to {0}; mount it \
                 read-only, copy it in, or let that user write to it",
                path.display(),
                owner.user
            )));
        }
    }
    Ok(())
}
