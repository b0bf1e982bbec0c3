//! Secrets: confidential data that a swarm stores for its services. Only managers support these
//! calls.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::secrets::SecretSpec;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let secret = SecretSpec {
//!     name: "db-password".into(),
//!     data: "hunter2".into(),
//!     ..Default::default()
//! };
//! let created = docker.secrets().create(secret).await?;
//! docker.secrets().remove(&created.id).await?;
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

static LIST: Operation<Json<Vec<Secret>>> = Operation::get("SecretList", "/secrets");
static CREATE: Operation<Json<SecretCreated>> =
    Operation::post("SecretCreate", "/secrets/create").success(&[201]);
static INSPECT: Operation<Json<Secret>> = Operation::get("SecretInspect", "/secrets/{id}");
static REMOVE: Operation<Empty> = Operation::delete("SecretDelete", "/secrets/{id}").success(&[204]);
static UPDATE: Operation<Empty> = Operation::post("SecretUpdate", "/secrets/{id}/update");

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &LIST.info,
    &CREATE.info,
    &INSPECT.info,
    &REMOVE.info,
    &UPDATE.info,
];

/// Calls on the secrets of a swarm; see [`Docker::secrets`].
///
/// Every `id` is a secret's ID, a unique prefix of it, or its name.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The secrets of the swarm that this engine manages.
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets { docker: self }
    }
}

impl Secrets<'_> {
    /// Lists the secrets that match the filters.
    pub async fn list(&self, options: ListSecrets) -> Result<Vec<Secret>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

    /// Creates a secret.
    ///
    /// # Errors
    ///
    /// 409 when the name is in use.
    pub async fn create(&self, secret: SecretSpec) -> Result<SecretCreated> {
        self.docker
            .call(&CREATE)
            .json(&secret)
            .reject_if(secret.wrong())
            .send()
            .await
    }

    /// Returns the details of a secret, without its data.
    pub async fn inspect(&self, id: &str) -> Result<Secret> {
        self.docker.call(&INSPECT).at(id).send().await
    }

    /// Removes a secret that no service uses.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.docker.call(&REMOVE).at(id).send().await
    }

    /// Changes the labels of a secret. `version` is the version with which `spec` was read. No
    /// other field can be changed.
    ///
    /// # Errors
    ///
    /// [`crate::Error::is_version_conflict`] when the secret has changed since.
    pub async fn update(&self, id: &str, version: ObjectVersion, spec: SecretSpec) -> Result<()> {
        self.docker
            .call(&UPDATE)
            .at(id)
            .query(Query::new().set("version", version.index))
            .json(&spec)
            .send()
            .await
    }
}

/// Which secrets to list. Query of `SecretList`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListSecrets {
    /// Filters.
    pub filters: SecretFilters,
}

impl ListSecrets {
    fn query(&self) -> Query {
        Query::new().filters(&self.filters.filters())
    }
}

/// Filters of a list of secrets. A secret must match one of the values of each field, and all
/// labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFilters {
    /// With this ID, or a prefix of it.
    pub id: StringList,
    /// With this label: `key`, or `key=value`.
    pub label: StringList,
    /// With this name, or a prefix of it.
    pub name: StringList,
    /// With exactly this name.
    pub names: StringList,
}

impl SecretFilters {
    fn filters(&self) -> Filters {
        Filters::new()
            .with("id", &self.id)
            .with("label", &self.label)
            .with("name", &self.name)
            .with("names", &self.names)
    }
}

/// The specification of a secret. Definition `SecretSpec`, body of `SecretCreate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SecretSpec {
    /// The name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The data, at most 500 KB; replies never contain it.
    pub data: Payload,
    /// The driver that stores the data, instead of `data`.
    pub driver: Option<Driver>,
    /// The driver that expands the data as a template: `golang`; `None` for no template.
    pub templating: Option<Driver>,
}

impl SecretSpec {
    fn wrong(&self) -> Option<String> {
        let wrong = match (&self.driver, self.data.is_empty()) {
            _ if self.name.is_empty() => "a secret has a name",
            (Some(_), false) => "a secret has data or a driver, not both",
            (None, true) => "a secret has data or a driver",
            _ => return None,
        };
        Some(wrong.into())
    }
}

/// The id of a new secret. Reply of `SecretCreate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct SecretCreated {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
}

/// A secret, without its data. Definition `Secret`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Secret {
    /// The id.
    #[serde(rename = "ID", alias = "Id")]
    pub id: String,
    /// The version of the secret; an update must send it.
    pub version: ObjectVersion,
    /// Time of creation, in RFC 3339.
    pub created_at: String,
    /// Time of the last change, in RFC 3339.
    pub updated_at: String,
    /// Its specification.
    pub spec: SecretSpec,
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn filters_have_the_engines_names() {
        let text = |text: &str| StringList::from([text]);
        let list = ListSecrets {
            filters: SecretFilters {
                id: text("i"),
                label: text("l=1"),
                name: text("n"),
                names: text("m"),
            },
        };
        let query = list.query();
        let decoded = percent_decode_str(query.as_str()).decode_utf8().unwrap();
        assert_eq!(
            decoded,
            r#"filters={"id":["i"],"label":["l=1"],"name":["n"],"names":["m"]}"#
        );
        assert_eq!(ListSecrets::default().query().as_str(), "");
    }

    #[test]
    fn secret_is_base64_and_hidden_in_debug() {
        let secret = SecretSpec {
            name: "n".into(),
            data: "hunter2".into(),
            ..Default::default()
        };
        let sent = encode(&secret).unwrap();
        assert_eq!(sent, br#"{"Name":"n","Data":"aHVudGVyMg=="}"#);
        assert_eq!(decode::<SecretSpec>(&sent).unwrap(), secret);
        let shown = format!("{secret:?}");
        assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    }

    #[test]
    fn secret_needs_a_name_and_one_source() {
        let mut secret = SecretSpec::default();
        assert!(secret.wrong().unwrap().contains("name"));
        secret.name = "n".into();
        assert!(secret.wrong().unwrap().contains("data or a driver"));
        secret.driver = Some(Driver::default());
        assert_eq!(secret.wrong(), None);
        secret.data = "x".into();
        assert!(secret.wrong().unwrap().contains("not both"));
    }
}
