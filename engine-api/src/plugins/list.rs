//! List plugins.

use super::Plugins;
use super::inspect::Plugin;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<Plugin>>> = Operation::get("PluginList", "/plugins");

impl Plugins<'_> {
    /// Lists plugins.
    pub async fn list(&self, options: ListPlugins) -> Result<Vec<Plugin>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Which plugins to list; the default is all. Query of `PluginList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPlugins {
    /// Only those with one of these capabilities: `volumedriver`, `networkdriver`, `ipamdriver`,
    /// `authz`, `logdriver` …
    pub capability: StringList,
    /// Only enabled plugins, `Some(true)`, or only disabled plugins, `Some(false)`.
    pub enabled: Option<bool>,
}

impl ListPlugins {
    /// The API description calls the filter `enable`; engines reject that, and read `enabled`.
    fn query(&self) -> Query {
        let enabled = self.enabled.map(|on| on.to_string());
        let filters = Filters::new()
            .with("capability", &self.capability)
            .with("enabled", enabled);
        Query::new().filters(&filters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_sends_set_filters() {
        let list = ListPlugins {
            capability: ["volumedriver"].into(),
            enabled: Some(false),
        };
        assert_eq!(
            list.query().as_str(),
            "filters=%7B%22capability%22%3A%5B%22volumedriver%22%5D%2C%22enabled%22%3A%5B%22false%22%5D%7D"
        );
        assert_eq!(ListPlugins::default().query().as_str(), "");
    }
}
