//! List nodes.

use super::Nodes;
use super::inspect::Node;
use super::update::{NodeMembership, NodeRole};
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<Node>>> = Operation::get("NodeList", "/nodes");

impl Nodes<'_> {
    /// Lists the nodes that match the filters.
    pub async fn list(&self, options: ListNodes) -> Result<Vec<Node>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Which nodes to list. Query of `NodeList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListNodes {
    /// Filters.
    pub filters: NodeFilters,
}

impl ListNodes {
    fn query(&self) -> Query {
        Query::new().filters(&self.filters.filters())
    }
}

/// Filters of a list of nodes. A node must match one of the values of each field, and all labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFilters {
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// With this label of the engine: `key`, or `key=value`.
    pub label: StringList,
    /// Accepted, or pending.
    pub membership: Vec<NodeMembership>,
    /// With this name, or a prefix of it.
    pub name: StringList,
    /// With this label of the node: `key`, or `key=value`.
    pub node_label: StringList,
    /// With this role.
    pub role: Vec<NodeRole>,
}

impl NodeFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("id", &self.id)
            .with("label", &self.label)
            .with("membership", &self.membership)
            .with("name", &self.name)
            .with("node.label", &self.node_label)
            .with("role", &self.role)
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn filters_have_the_engines_names() {
        let text = |text: &str| StringList::from([text]);
        let list = ListNodes {
            filters: NodeFilters {
                id: text("i"),
                label: text("l=1"),
                membership: vec![NodeMembership::Accepted, NodeMembership::Pending],
                name: text("n"),
                node_label: text("m"),
                role: vec![NodeRole::Worker],
            },
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(
            decoded,
            concat!(
                r#"filters={"id":["i"],"label":["l=1"],"membership":["accepted","pending"],"#,
                r#""name":["n"],"node.label":["m"],"role":["worker"]}"#
            )
        );
        assert_eq!(ListNodes::default().query().as_str(), "");
    }
}
