//! Install a plugin.

use super::Plugins;
use super::privileges::{PluginPrivilege, check_name};
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::images::Progress;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

pub(super) static INSTALL: Operation<Lines<Progress>> = Operation::post("PluginPull", "/plugins/pull")
    .success(&[204])
    .slow();

impl Plugins<'_> {
    /// Installs a plugin from its registry, disabled.
    ///
    /// The installation is complete when the stream has ended without an error.
    pub async fn install(
        &self,
        remote: &str,
        options: InstallPlugin,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        self.docker
            .call(&INSTALL)
            .about(remote)
            .query(options.query(remote))
            .json(&options.privileges)
            .reject_if(check_name(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }
}

/// How to install a plugin. Query and body of `PluginPull`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallPlugin {
    /// Its name on this engine; empty is its remote name.
    pub name: String,
    /// The granted privileges: exactly those that
    /// [`Plugins::privileges`](super::Plugins::privileges) returns.
    pub privileges: Vec<PluginPrivilege>,
}

impl InstallPlugin {
    fn query(&self, remote: &str) -> Query {
        Query::new().set("remote", remote).text("name", &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_sends_remote_and_name() {
        let install = InstallPlugin {
            name: "mine".into(),
            ..Default::default()
        };
        assert_eq!(install.query("a/b:1").as_str(), "remote=a%2Fb%3A1&name=mine");
    }
}
