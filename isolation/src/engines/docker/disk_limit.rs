//! The enforcement of a disk limit.

/// How the disk limit of an environment is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskLimit {
    /// The environment has no limit.
    None,
    /// The storage of the daemon enforces it.
    Enforced,
    /// The process that started the environment measures the size.
    Measured,
}
