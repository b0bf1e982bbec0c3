//! Another name of an environment, in its note.

use super::directory::Directory;
use super::instance::HostInstance;
use crate::BoxFuture;
use crate::engine::instance::Rename;
use crate::environment::name::Name;
use crate::environment::status::Status;
use crate::error::Result;

/// Changes the name of an environment, whose note `note` writes again with its status.
pub(crate) fn change(
    directory: &Directory,
    name: &Name,
    new: &str,
    note: impl FnOnce(Status) -> Result<()>,
) -> Result<()> {
    directory.check_exists()?;
    let status = directory.read_note()?.status;
    name.change(new);
    note(status)
}

impl Rename for HostInstance {
    fn rename<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        let renamed = change(&self.directory, &self.name, name, |status| self.note(status));
        Box::pin(std::future::ready(renamed))
    }
}
