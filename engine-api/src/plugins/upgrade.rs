//! Upgrade a plugin.

use super::Plugins;
use super::privileges::{PluginPrivilege, check_name};
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::images::Progress;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

pub(super) static UPGRADE: Operation<Lines<Progress>> =
    Operation::post("PluginUpgrade", "/plugins/{name}/upgrade")
        .success(&[204])
        .slow()
        .slashes();

impl Plugins<'_> {
    /// Replaces a disabled plugin by the plugin `remote`, and keeps its settings.
    ///
    /// The upgrade is complete when the stream has ended without an error.
    pub async fn upgrade(
        &self,
        plugin: &str,
        remote: &str,
        options: UpgradePlugin,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        self.docker
            .call(&UPGRADE)
            .at(plugin)
            .query(Query::new().set("remote", remote))
            .json(&options.privileges)
            .reject_if(check_name(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }
}

/// How to upgrade a plugin. Body of `PluginUpgrade`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpgradePlugin {
    /// The granted privileges: exactly those that
    /// [`Plugins::privileges`](super::Plugins::privileges) returns.
    pub privileges: Vec<PluginPrivilege>,
}
