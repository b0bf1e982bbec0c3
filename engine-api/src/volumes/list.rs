//! List volumes.

use serde::{Deserialize, Serialize};

use super::Volumes;
use super::inspect::Volume;
use crate::common::StringList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::{Filters, Query};

pub(super) static LIST: Operation<Json<VolumeList>> = Operation::get("VolumeList", "/volumes");

impl Volumes<'_> {
    /// Lists volumes.
    pub async fn list(&self, options: ListVolumes) -> Result<VolumeList> {
        self.docker.call(&LIST).query(options.query()).send().await
    }
}

/// Filters of a list of volumes. A volume must match every filter that is set. Query of
/// `VolumeList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListVolumes {
    /// Whether the volume is unused: `Some(true)` for unused volumes, `Some(false)` for used ones.
    pub dangling: Option<bool>,
    /// With one of these drivers.
    pub driver: StringList,
    /// With all of these labels: `key`, or `key=value`.
    pub label: StringList,
    /// With one of these texts in the name.
    pub name: StringList,
}

impl ListVolumes {
    fn query(&self) -> Query {
        let filters = Filters::new()
            .with("dangling", self.dangling.map(|yes| yes.to_string()))
            .with("driver", &self.driver)
            .with("label", &self.label)
            .with("name", &self.name);
        Query::new().filters(&filters)
    }
}

/// Volumes, and warnings of the listing. Definition `VolumeListResponse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct VolumeList {
    /// The volumes.
    pub volumes: Vec<Volume>,
    /// Warnings, for example that a driver does not reply, so that its volumes are missing.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn filters_are_texts() {
        assert_eq!(ListVolumes::default().query(), Query::new());
        let list = ListVolumes {
            dangling: Some(false),
            label: ["a=b"].into(),
            ..Default::default()
        };
        assert_eq!(
            list.query().as_str(),
            "filters=%7B%22dangling%22%3A%5B%22false%22%5D%2C%22label%22%3A%5B%22a%3Db%22%5D%7D"
        );
    }

    #[test]
    fn nulls_are_empty() {
        let list =
            br#"{"Volumes":[{"Name":"a","Labels":null,"Options":null,"Scope":"local"}],"Warnings":null}"#;
        let list: VolumeList = decode(list).unwrap();
        assert!(list.warnings.is_empty() && list.volumes[0].labels.is_empty());
    }
}
