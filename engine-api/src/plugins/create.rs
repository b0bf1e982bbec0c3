//! Create a plugin.

use super::Plugins;
use super::privileges::check_name;
use crate::error::Result;
use crate::wire::body::Upload;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static CREATE: Operation<Empty> = Operation::post("PluginCreate", "/plugins/create")
    .success(&[204])
    .slow();

impl Plugins<'_> {
    /// Creates a plugin from a tar archive of its `config.json` and its file system below
    /// `rootfs/`.
    pub async fn create(&self, name: &str, archive: impl Into<Upload>) -> Result<()> {
        self.docker
            .call(&CREATE)
            .about(name)
            .query(Query::new().set("name", name))
            .tar(archive.into().0)
            .reject_if(check_name(name, "name"))
            .send()
            .await
    }
}
