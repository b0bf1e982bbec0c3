//! What engines share that run processes of this machine: process groups, private directories,
//! paths below a root.

pub(crate) mod directory;
pub(crate) mod marked_processes;
pub(crate) mod paths;
pub(crate) mod process;
pub(crate) mod process_group;
