//! Enable a plugin, and disable it.

use super::Plugins;
use crate::error::Result;
use crate::wire::decode::Empty;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static ENABLE: Operation<Empty> = Operation::post("PluginEnable", "/plugins/{name}/enable")
    .slow()
    .slashes();

pub(super) static DISABLE: Operation<Empty> =
    Operation::post("PluginDisable", "/plugins/{name}/disable").slashes();

impl Plugins<'_> {
    /// Enables a plugin, which starts it.
    ///
    /// # Errors
    ///
    /// 409 when it already runs; 500 with the reason when it cannot be started.
    pub async fn enable(&self, plugin: &str, options: EnablePlugin) -> Result<()> {
        self.docker
            .call(&ENABLE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }

    /// Disables a plugin, which stops it.
    ///
    /// # Errors
    ///
    /// 409 when it does not run, or is in use.
    pub async fn disable(&self, plugin: &str, options: DisablePlugin) -> Result<()> {
        self.docker
            .call(&DISABLE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }
}

/// How to enable a plugin. Query of `PluginEnable`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnablePlugin {
    /// Timeout of the engine's calls to the plugin, in seconds; 0 for no timeout.
    pub timeout: u32,
}

impl EnablePlugin {
    /// The API description has a default, but engines reject a call without the parameter.
    fn query(self) -> Query {
        Query::new().set("timeout", self.timeout)
    }
}

/// How to disable a plugin. Query of `PluginDisable`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisablePlugin {
    /// Whether to disable it even while it is in use.
    pub force: bool,
}

impl DisablePlugin {
    fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enable_always_sends_the_timeout() {
        assert_eq!(EnablePlugin::default().query().as_str(), "timeout=0");
        assert_eq!(EnablePlugin { timeout: 30 }.query().as_str(), "timeout=30");
    }

    #[test]
    fn disable_sends_force_only_when_it_is_set() {
        assert_eq!(DisablePlugin { force: true }.query().as_str(), "force=true");
        assert_eq!(DisablePlugin::default().query().as_str(), "");
    }
}
