//! Secrets and configs of a task.

use serde::{Deserialize, Serialize};

/// A secret of a task. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SecretReference {
    /// The file in the container.
    pub file: Option<ReferenceFile>,
    /// The secret's id.
    #[serde(rename = "SecretID")]
    pub secret_id: String,
    /// The secret's name, which is also required.
    pub secret_name: String,
}

/// A config of a task. Part of definition `TaskSpec`.
///
/// One of `file` and `runtime` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigReference {
    /// The file in the container.
    pub file: Option<ReferenceFile>,
    /// It is used to run the task, and not mounted as a file: [`super::CredentialSpec::config`].
    pub runtime: Option<RuntimeTarget>,
    /// The config's id.
    #[serde(rename = "ConfigID")]
    pub config_id: String,
    /// The config's name, which is also required.
    pub config_name: String,
}

/// A config that is not mounted as a file; it has no options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeTarget {}

/// The file of a secret or config in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Each field has its own default: a field that an engine omits is empty, and not the default of a
// request.
#[serde(rename_all = "PascalCase")]
pub struct ReferenceFile {
    /// Its path. A relative path is below `/run/secrets` for secrets, and below `/` for configs.
    #[serde(default)]
    pub name: String,
    /// The user ID of its owner; default 0.
    #[serde(rename = "UID", default)]
    pub uid: String,
    /// The group ID of its owner; default 0.
    #[serde(rename = "GID", default)]
    pub gid: String,
    /// Its permissions; default `0o444`.
    #[serde(default)]
    pub mode: u32,
}

impl Default for ReferenceFile {
    fn default() -> Self {
        Self {
            name: String::new(),
            uid: "0".into(), // engines cannot make the file without numbers
            gid: "0".into(),
            mode: 0o444,
        }
    }
}

impl ReferenceFile {
    /// A file that every user in the container may read.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn file_sends_its_owner_and_mode() {
        let reference = SecretReference {
            file: Some(ReferenceFile::named("key")),
            secret_id: "i".into(),
            secret_name: "n".into(),
        };
        assert_eq!(
            String::from_utf8(encode(&reference).unwrap()).unwrap(),
            r#"{"File":{"Name":"key","UID":"0","GID":"0","Mode":292},"SecretID":"i","SecretName":"n"}"#
        );
    }

    #[test]
    fn missing_fields_of_a_file_get_no_defaults() {
        let absent: ReferenceFile = decode(br#"{"Name":"key"}"#).unwrap();
        assert_eq!(
            (absent.uid.as_str(), absent.gid.as_str(), absent.mode),
            ("", "", 0)
        );
        let null: ReferenceFile = decode(br#"{"Name":"key","UID":null,"GID":null,"Mode":null}"#).unwrap();
        assert_eq!(null, absent);
    }
}
