//! Another name of an environment, in its note.

use super::instance::HostInstance;
use crate::BoxFuture;
use crate::engine::instance::Rename;
use crate::error::Result;

impl Rename for HostInstance {
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
