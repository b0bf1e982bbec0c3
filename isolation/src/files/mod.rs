//! Copies on the file system of this machine.

#[cfg(unix)]
pub(crate) mod copy;
pub(crate) mod merge;
