//! Remove a plugin.

use super::Plugins;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static REMOVE: Operation<Empty> = Operation::delete("PluginDelete", "/plugins/{name}").slashes();

impl Plugins<'_> {
    /// Removes a plugin.
    ///
    /// # Errors
    ///
    /// 409 while it is enabled, or in use.
    pub async fn remove(&self, plugin: &str, options: RemovePlugin) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }
}

/// How to remove a plugin. Query of `PluginDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovePlugin {
    /// Whether to remove it even while it is enabled: it is disabled first.
    pub force: bool,
}

impl RemovePlugin {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_sent_only_when_it_is_set() {
        assert_eq!(RemovePlugin { force: true }.query().as_str(), "force=true");
        assert_eq!(RemovePlugin::default().query().as_str(), "");
    }
}
