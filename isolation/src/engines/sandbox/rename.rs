//! Gives an environment another name, in its note.

use super::instance::SandboxInstance;
use crate::BoxFuture;
use crate::engine::instance::Rename;
use crate::error::Result;

impl Rename for SandboxInstance {
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        let rename = || {
            self.check_exists()?;
            let status = self.directory.read_note()?.status;
            self.name.change(name);
            self.note(status)
        };
        Box::pin(std::future::ready(rename()))
    }
}
