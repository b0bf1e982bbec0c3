//! Bind mounts.

use std::path::PathBuf;

use super::validate;
use crate::error::{Error, Result};

/// A bind mount of a file or directory of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// An absolute path on the host.
    pub source: PathBuf,
    /// An absolute path in the environment.
    pub target: String,
    /// Whether the mount is read-only.
    pub read_only: bool,
}

impl Mount {
    pub(super) fn check(&self) -> Result<()> {
        validate::source("the source of a mount", &self.source)?;
        validate::text("the target of a mount", &self.target)?;
        if !self.source.is_absolute() {
            let source = self.source.display();
            return Err(Error::invalid(format!(
                "the source of a mount must be absolute, not {source}"
            )));
        }
        if !self.target.starts_with('/') || self.target.trim_matches('/').is_empty() {
            let why = format!(
                "the target of a mount must be an absolute path below /, not {:?}",
                self.target
            );
            return Err(Error::invalid(why));
        }
        Ok(())
    }
}
