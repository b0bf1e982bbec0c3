//! What is asked of plugins.

use super::PluginPrivilege;
use crate::wire::query::{Filters, Query};

/// Which plugins to list; the default is all. Query of `PluginList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPlugins {
    /// Only those that can do one of these: `volumedriver`, `networkdriver`, `ipamdriver`, `authz`, `logdriver` …
    pub capability: Vec<String>,
    /// Only those that are enabled, `Some(true)`, or disabled, `Some(false)`.
    pub enabled: Option<bool>,
}

impl ListPlugins {
    /// The description calls the filter `enable`; engines refuse that, and read `enabled`.
    pub(crate) fn query(&self) -> Query {
        let enabled = self.enabled.map(|on| on.to_string());
        let filters = Filters::new()
            .with("capability", &self.capability)
            .with("enabled", enabled);
        Query::new().filters(&filters)
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
    pub(crate) fn query(&self, remote: &str) -> Query {
        Query::new().set("remote", remote).text("name", &self.name)
    }
}

/// How to upgrade a plugin. Body of `PluginUpgrade`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpgradePlugin {
    /// What it is granted: exactly what [`Plugins::privileges`](super::Plugins::privileges) says it wants.
    pub privileges: Vec<PluginPrivilege>,
}

/// How to enable a plugin. Query of `PluginEnable`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnablePlugin {
    /// How many seconds the plugin may take to answer a call of the engine; 0 for no limit.
    pub timeout: u32,
}

impl EnablePlugin {
    /// The description has a default; engines refuse a call without the parameter (wire fact 13).
    pub(crate) fn query(self) -> Query {
        Query::new().set("timeout", self.timeout)
    }
}

/// How to disable a plugin. Query of `PluginDisable`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisablePlugin {
    /// Even while something uses it.
    pub force: bool,
}

impl DisablePlugin {
    pub(crate) fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

/// How to remove a plugin. Query of `PluginDelete`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovePlugin {
    /// Even while it is enabled: it is disabled first.
    pub force: bool,
}

impl RemovePlugin {
    pub(crate) fn query(self) -> Query {
        Query::new().flag("force", self.force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_can_be_narrowed() {
        let list = ListPlugins {
            capability: vec!["volumedriver".into()],
            enabled: Some(false),
        };
        assert_eq!(
            list.query().as_str(),
            "filters=%7B%22capability%22%3A%5B%22volumedriver%22%5D%2C%22enabled%22%3A%5B%22false%22%5D%7D"
        );
        assert_eq!(ListPlugins::default().query().as_str(), "");
    }

    #[test]
    fn the_time_to_answer_is_always_sent() {
        assert_eq!(EnablePlugin::default().query().as_str(), "timeout=0");
        assert_eq!(EnablePlugin { timeout: 30 }.query().as_str(), "timeout=30");
    }

    #[test]
    fn an_install_names_what_it_pulls() {
        let install = InstallPlugin {
            name: "mine".into(),
            ..Default::default()
        };
        assert_eq!(install.query("a/b:1").as_str(), "remote=a%2Fb%3A1&name=mine");
        assert_eq!(RemovePlugin { force: true }.query().as_str(), "force=true");
        assert_eq!(DisablePlugin::default().query().as_str(), "");
    }
}
