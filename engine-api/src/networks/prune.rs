//! Remove all unused networks.

use serde::{Deserialize, Serialize};

use super::Networks;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static PRUNE: Operation<Json<NetworksPruned>> =
    Operation::post("NetworkPrune", "/networks/prune").slow();

impl Networks<'_> {
    /// Removes the networks without containers that match the filters.
    pub async fn prune(&self, options: PruneNetworks) -> Result<NetworksPruned> {
        self.docker.call(&PRUNE).query(options.query()).send().await
    }
}

/// Which of the unused networks to remove. Query of `NetworkPrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneNetworks {
    /// Only those created before: seconds since 1970, a date, or an age such as `1h30m`; empty is
    /// all.
    pub until: String,
    /// Only those with all these labels: `key`, or `key=value`.
    pub label: StringList,
    /// Only those without these labels: `key`, or `key=value`.
    pub label_not: StringList,
}

impl PruneNetworks {
    fn query(&self) -> Query {
        let filters = Filters::new()
            .text("until", &self.until)
            .labels(&self.label, &self.label_not);
        Query::new().filters(&filters)
    }
}

/// The removed networks. Reply of `NetworkPrune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct NetworksPruned {
    /// The names of the networks.
    pub networks_deleted: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn filters_are_texts_and_nothing_removed_is_null() {
        let prune = PruneNetworks {
            until: "10m".into(),
            label_not: ["keep"].into(),
            ..Default::default()
        };
        assert_eq!(
            prune.query().as_str(),
            "filters=%7B%22until%22%3A%5B%2210m%22%5D%2C%22label%21%22%3A%5B%22keep%22%5D%7D"
        );
        let pruned: NetworksPruned = decode(br#"{"NetworksDeleted":null}"#).unwrap();
        assert_eq!(pruned, NetworksPruned::default());
    }
}
