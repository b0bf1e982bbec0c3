//! A directory of this machine for what is on its way. Dropping it removes it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::remove_tree::remove_tree;

#[derive(Debug)]
pub(super) struct Carrier(PathBuf);

impl Carrier {
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("isolate-migration-{}", random_hex()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| Error::io("create the directory", &path, e))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // There is no caller to report an error to.
        let _ = remove_tree(&self.0);
    }
}
