//! The features of engines that run commands on this machine.

use super::cgroup::Cgroup;
use crate::engine::capabilities::{Capabilities, Feature, IsolationLevel};
use crate::engine::values::CapabilityValues;

/// The same on every machine, except limits, which need control groups.
pub(crate) fn capabilities() -> Capabilities {
    use Feature::{
        Commands, CopyIn, CopyOut, DiskLimit, Images, KernelCapabilities, Logs, MainProcess, Mounts,
    };
    use Feature::{
        NetworkIsolation, Networks, Ports, ReadOnlyMounts, ReadOnlyRoot, Snapshots, Stdin, Tmpfs, Tty, Users,
        Volumes,
    };
    // The limits of a process (`ulimit`) count address space per process and processes per
    // user. They are not limits of an environment.
    let limit = "a process group has no limits of its own";
    let mount = "a bind mount needs privileges; copy the directory in";
    let network = "commands use the network of this machine";
    let privileges = "commands have the rights of the caller";
    let all = Capabilities::new(IsolationLevel::Process)
        .with([
            Commands,
            CopyIn,
            CopyOut,
            DiskLimit,
            Stdin,
            Tty,
            Feature::Rename,
            Snapshots,
        ])
        .without(Images, "commands use the programs of this machine")
        .without(
            Feature::SharedMemorySize,
            "commands share the memory of this machine",
        )
        .without(Feature::Ulimits, limit)
        .without(Feature::BlockIoLimits, limit)
        .without(Feature::SecurityOptions, privileges)
        .without(Feature::Pause, "a process group cannot be paused as a whole")
        .without(
            Feature::Processes,
            "the processes are those of this machine: `ps` lists them",
        )
        .without(Mounts, mount)
        .without(ReadOnlyMounts, mount)
        .without(Volumes, mount)
        .without(Tmpfs, mount)
        .without(NetworkIsolation, network)
        .without(Networks, network)
        .without(Ports, "programs listen on the ports of this machine itself")
        .without(Users, privileges)
        .without(ReadOnlyRoot, privileges)
        .without(KernelCapabilities, privileges)
        .without(
            MainProcess,
            "no process outlives its creator; run a command in the background",
        )
        .without(
            Logs,
            "there is no main process; the output of a command is read from the command",
        );
    let values = CapabilityValues::of_this_machine().with(&[], &["host"]);
    Cgroup::add_to(all.with_values(values.with_supervised_disk()))
}
