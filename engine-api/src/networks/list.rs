//! List networks.

use super::Networks;
use super::inspect::{Network, NetworkScope};
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::json::open_enum;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<Vec<Network>>> = Operation::get("NetworkList", "/networks");

impl Networks<'_> {
    /// Lists networks, without their containers; see [`Networks::inspect`].
    pub async fn list(&self, options: ListNetworks) -> Result<Vec<Network>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Filters of a list of networks. A network must match every filter that is set. Query of
/// `NetworkList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListNetworks {
    /// Whether the network has no containers: `Some(true)` for unused networks, `Some(false)` for
    /// used ones.
    pub dangling: Option<bool>,
    /// With one of these drivers.
    pub driver: StringList,
    /// With one of these texts in the ID.
    pub id: StringList,
    /// With all of these labels: `key`, or `key=value`.
    pub label: StringList,
    /// With one of these texts in the name.
    pub name: StringList,
    /// With one of these scopes.
    pub scope: Vec<NetworkScope>,
    /// Predefined or user-defined; empty for both. The filter `type`; Podman does not know it.
    pub origin: NetworkOrigin,
}

impl ListNetworks {
    fn query(&self) -> Query {
        let origin = Some(self.origin.as_ref()).filter(|text| !text.is_empty());
        let filters = Filters::new()
            .with("dangling", self.dangling.map(|yes| yes.to_string()))
            .with("driver", &self.driver)
            .with("id", &self.id)
            .with("label", &self.label)
            .with("name", &self.name)
            .with("scope", &self.scope)
            .with("type", origin);
        Query::new().filters(&filters)
    }
}

/// The creator of a network; the filter `type`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NetworkOrigin {
    /// A user.
    Custom,
    /// The engine: `bridge`, `host`, `none`.
    Builtin,
    /// A value that this crate does not know; empty for either.
    Other(String),
}

open_enum!(NetworkOrigin {
    Custom = "custom",
    Builtin = "builtin",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_texts() {
        assert_eq!(ListNetworks::default().query(), Query::new());
        let list = ListNetworks {
            scope: vec![NetworkScope::Local],
            origin: NetworkOrigin::Custom,
            ..Default::default()
        };
        assert_eq!(
            list.query().as_str(),
            "filters=%7B%22scope%22%3A%5B%22local%22%5D%2C%22type%22%3A%5B%22custom%22%5D%7D"
        );
    }
}
