//! How a process shows that it uses the files of environments as this library does.
//!
//! A process that has a file of an environment open is taken for one of its commands. A process
//! that uses this library has such files open while it copies, lists or removes them, and its
//! children have them until they become another program. So it also has an empty file in memory
//! open, by whose name it is known.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, memfd_create};

/// The name of the file.
const NAME: &str = "isolation-file-user";

/// Opens the file in this process. Without it, another process that removes an environment may take
/// this process for a command.
pub(super) fn hold() {
    static HELD: OnceLock<Option<OwnedFd>> = OnceLock::new();
    HELD.get_or_init(|| memfd_create(NAME, MemfdFlags::CLOEXEC).ok());
}

/// Whether the target of a descriptor is that file.
pub(super) fn is_mark(target: &Path) -> bool {
    let name = target.to_str().and_then(|target| target.strip_prefix("/memfd:"));
    name.is_some_and(|name| name.starts_with(NAME))
}
