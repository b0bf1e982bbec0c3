//! The meaning of the profile hardened for the other parts of a specification.

use crate::spec::EnvironmentSpec;
use crate::spec::limits::ResourceLimits;
use crate::spec::mount::Mount;
use crate::spec::network::NetworkMode;
use crate::spec::security::SecurityProfile;

/// The user `nobody`, for the profile hardened if the image does not name a user.
pub(crate) const NOBODY: &str = "65534:65534";

/// The directory for temporary files, which is in memory if the root file system is read-only.
const TMP: &str = "/tmp";

/// The size of [`TMP`], in bytes. It counts as memory.
const TMP_SIZE: u64 = 64 << 20;

/// Fills in what the profile means for the other parts of a specification.
pub(crate) fn fill_in(spec: &mut EnvironmentSpec) {
    if spec.security.profile != SecurityProfile::Hardened {
        return;
    }
    spec.security.read_only_root = !spec.security.writable_root;
    let is_tmp = |mount: &Mount| mount.target.trim_end_matches('/') == TMP;
    if spec.security.read_only_root && !spec.mounts.iter().any(is_tmp) {
        spec.mounts.push(Mount::tmpfs(TMP, Some(TMP_SIZE)));
    }
    // A published port asks for a network.
    if spec.network.mode == NetworkMode::Default && !spec.network.publishes() {
        spec.network.mode = NetworkMode::None;
    }
}

/// The limits of the profile that replace missing ones of the specification.
pub(crate) fn default_limits(spec: &EnvironmentSpec) -> ResourceLimits {
    match spec.security.profile {
        SecurityProfile::Hardened => ResourceLimits {
            memory: Some(512 << 20),
            cpus: Some(1.0),
            pids: Some(256),
            ..ResourceLimits::default()
        },
        SecurityProfile::Standard | SecurityProfile::Trusted => ResourceLimits::default(),
    }
}

/// Whether a user of an image is root, or none.
pub(crate) fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("" | "0" | "root"))
}
