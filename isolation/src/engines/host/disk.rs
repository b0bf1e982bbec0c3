//! The size of the files of an environment that has a disk limit, which is supervised.

use super::blocking;
use super::instance::HostInstance;
use crate::BoxFuture;
use crate::engine::instance::DiskUsage;
use crate::error::Result;
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::size;

impl DiskUsage for HostInstance {
    fn limit(&self) -> u64 {
        self.spec.limits.disk.unwrap_or(u64::MAX)
    }

    fn used(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            self.check_exists()?;
            let (root, stop) = (self.directory.root(), Stop::default());
            let _guard = StopOnDrop(stop.clone());
            // A directory that this user may not read is not counted: commands have the rights of
            // this user.
            blocking(self.engine, move || Ok(size::of_tree(&root, &stop)?.bytes)).await
        })
    }
}
