//! The features of the engine `basic`.

use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};

/// The same on every machine.
pub(super) fn capabilities() -> Capabilities {
    use Feature::{CopyIn, CopyOut, CpuLimit, Images, MemoryLimit, Mounts, NetworkIsolation};
    use Feature::{PidsLimit, ReadOnlyMounts, Snapshots, Stdin, Tty};
    // The limits of a process (`ulimit`) count address space per process and processes per
    // user. They are not limits of an environment.
    let limit = "a process group has no limits of its own";
    let mount = "a bind mount needs privileges; copy the directory in";
    Capabilities::new(IsolationLevel::Process)
        .with([CopyIn, CopyOut, Stdin])
        .without(Images, "commands use the programs of this machine")
        .without(MemoryLimit, limit)
        .without(CpuLimit, limit)
        .without(PidsLimit, limit)
        .without(Mounts, mount)
        .without(ReadOnlyMounts, mount)
        .without(NetworkIsolation, "commands use the network of this machine")
        .without(Tty, "commands run on pipes")
        .without(Snapshots, "not implemented")
}
