//! Installing a plugin.

use super::Plugins;
use super::privileges::{PluginPrivilege, blank};
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
    /// It is there when the stream has ended without an error.
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
            .reject_if(blank(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }
}

/// How to install a plugin. Query and body of `PluginPull`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallPlugin {
    /// What to call it here; empty is its remote name.
    pub name: String,
    /// What it is granted: exactly what [`Plugins::privileges`](super::Plugins::privileges) says it wants.
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
    fn an_install_names_what_it_pulls() {
        let install = InstallPlugin {
            name: "mine".into(),
            ..Default::default()
        };
        assert_eq!(install.query("a/b:1").as_str(), "remote=a%2Fb%3A1&name=mine");
    }
}
