//! Configs: files that a swarm stores for its services. Only managers support these calls.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::configs::ConfigSpec;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let config = ConfigSpec {
//!     name: "web-settings".into(),
//!     data: "listen 80;".into(),
//!     ..Default::default()
//! };
//! let created = docker.configs().create(config).await?;
//! docker.configs().remove(&created.id).await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::common::StringList;
use crate::common::object_version::ObjectVersion;
use crate::error::Result;
use crate::swarm::{Driver, Payload};
use crate::wire::decode::{Empty, Json};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::{Filters, Query};

static LIST: Operation<Json<Vec<Config>>> = Operation::get("ConfigList", "/configs");
static CREATE: Operation<Json<ConfigCreated>> =
    Operation::post("ConfigCreate", "/configs/create").success(&[201]);
static INSPECT: Operation<Json<Config>> = Operation::get("ConfigInspect", "/configs/{id}");
static REMOVE: Operation<Empty> = Operation::delete("ConfigDelete", "/configs/{id}").success(&[204]);
static UPDATE: Operation<Empty> = Operation::post("ConfigUpdate", "/configs/{id}/update");

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &LIST.info,
    &CREATE.info,
    &INSPECT.info,
    &REMOVE.info,
    &UPDATE.info,
];

/// Calls on the configs of a swarm; see [`Docker::configs`].
///
/// Every `id` is a config's ID, a unique prefix of it, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Configs<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The configs of the swarm that this engine manages.
    pub fn configs(&self) -> Configs<'_> {
        Configs { docker: self }
    }
}

impl Configs<'_> {
    /// Lists the configs that match the filters.
    pub async fn list(&self, options: ListConfigs) -> Result<Vec<Config>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Creates a config.
    ///
    /// # Errors
    ///
    /// 409 when the name is in use.
    pub async fn create(&self, config: ConfigSpec) -> Result<ConfigCreated> {
        self.docker
            .call(&CREATE)
            .json(&config)
            .reject_if(config.wrong())
            .send()
            .await
    }

    /// Returns a config with its data.
    pub async fn inspect(&self, id: &str) -> Result<Config> {
        self.docker.call(&INSPECT).at(id).send().await
    }

    /// Removes a config that no service uses.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }

    /// Changes the labels of a config. `version` is the version with which `spec` was read. No
    /// other field can be changed.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the config has changed since.
    pub async fn update(&self, id: &str, version: ObjectVersion, spec: ConfigSpec) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(Query::new().set("version", version.index))
            .json(&spec)
            .send()
            .await
    }
}

/// Which configs to list. Query of `ConfigList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListConfigs {
    /// Filters.
    pub filters: ConfigFilters,
}

impl ListConfigs {
    fn query(&self) -> Query {
        Query::new().filters(&self.filters.filters())
    }
}

/// Filters of a list of configs. A config must match one of the values of each field, and all
/// labels. The API description also contains `names`, which engines reject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigFilters {
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// With this label: `key`, or `key=value`.
    pub label: StringList,
    /// With this name, or a prefix of it.
    pub name: StringList,
}

impl ConfigFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("id", &self.id)
            .with("label", &self.label)
            .with("name", &self.name)
    }
}

/// The specification of a config. Definition `ConfigSpec`, body of `ConfigCreate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigSpec {
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The data, at most 1000 KB; `Debug` does not show it.
    pub data: Payload,
    /// The driver that expands the data as a template: `golang`; `None` for no template.
    pub templating: Option<Driver>,
}

impl ConfigSpec {
    fn wrong(&self) -> Option<String> {
        self.name.is_empty().then(|| "a config has a name".into())
    }
}

/// The id of a new config. Reply of `ConfigCreate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigCreated {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
}

/// A config. Definition `Config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Config {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the config; an update must send it.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// Its specification.
    pub spec: ConfigSpec,
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn filters_have_the_engines_names() {
        let text = |text: &str| StringList::from([text]);
        let list = ListConfigs {
            filters: ConfigFilters {
                id: text("i"),
                label: text("l=1"),
                name: text("n"),
            },
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(decoded, r#"filters={"id":["i"],"label":["l=1"],"name":["n"]}"#);
        assert_eq!(ListConfigs::default().query().as_str(), "");
    }

    #[test]
    fn config_is_base64_and_hidden_in_debug() {
        let config = ConfigSpec {
            name: "n".into(),
            data: "hunter2".into(),
            ..Default::default()
        };
        let sent = encode(&config).unwrap();
        assert_eq!(sent, br#"{"Name":"n","Data":"aHVudGVyMg=="}"#);
        assert_eq!(decode::<ConfigSpec>(&sent).unwrap(), config);
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn config_needs_a_name() {
        assert!(ConfigSpec::default().wrong().unwrap().contains("name"));
    }
}
