//! Work as the root of an environment, on a thread of its own.
//!
//! An overlay, and a file system in memory, belong to the users of their environment. The root of
//! this machine is not one of them, so the kernel does not let it create files there.

use std::io;

use rustix::thread::{capabilities, set_capabilities, set_thread_res_gid, set_thread_res_uid};

use super::NAME;
use crate::error::{Error, Result};
use crate::files::dir::Owner;

/// Does this as an owner of files, with all capabilities that this process has. The caller is root.
pub(super) fn as_owner<T: Send>(owner: Owner, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let failed = |error: io::Error| Error::engine(NAME, error);
    std::thread::scope(|scope| {
        // The change ends with the thread: the system has users for each thread.
        let thread = std::thread::Builder::new().spawn_scoped(scope, || {
            change_to(owner).map_err(failed)?;
            work()
        });
        match thread.map_err(failed)?.join() {
            Ok(done) => done,
            Err(_) => Err(Error::engine(
                NAME,
                "a thread that worked in the environment has panicked",
            )),
        }
    })
}

fn change_to(owner: Owner) -> io::Result<()> {
    let all = capabilities(None)?;
    set_thread_res_gid(None, owner.gid(), None)?;
    set_thread_res_uid(None, owner.uid(), None)?;
    // The change has taken them away, but they are still permitted.
    Ok(set_capabilities(None, all)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn file_of_the_thread_belongs_to_the_owner() {
        if !rustix::process::geteuid().is_root() {
            return; // only root can do that
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let owner = Owner {
            user: 4_000_000,
            group: 4_000_001,
        };
        as_owner(owner, || {
            fs::write(&path, "x").map_err(|e| Error::io("write", &path, e))
        })
        .unwrap();
        let meta = fs::metadata(&path).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (owner.user, owner.group));
        let mine = directory.path().join("mine");
        fs::write(&mine, "x").unwrap();
        assert_eq!(fs::metadata(&mine).unwrap().uid(), 0, "this thread is still root");
    }

    #[test]
    fn panic_of_the_work_is_an_error() {
        if !rustix::process::geteuid().is_root() {
            return; // only root can do that
        }
        let owner = Owner {
            user: 4_000_000,
            group: 4_000_001,
        };
        let error = as_owner::<()>(owner, || panic!("broken")).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Engine);
        assert_eq!(rustix::process::geteuid().as_raw(), 0);
    }
}
