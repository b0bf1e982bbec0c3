//! Another name of an environment.

use super::instance::SandboxInstance;
use crate::BoxFuture;
use crate::engine::instance::Rename;
use crate::engines::host::rename;
use crate::error::Result;

impl Rename for SandboxInstance {
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        let note = |status| self.note(status);
        let renamed = rename::change(&self.directory, &self.name, name, note);
        Box::pin(std::future::ready(renamed))
    }
}
