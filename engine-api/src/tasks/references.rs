//! Secrets and configs that a task gets.

use serde::{Deserialize, Serialize};

/// A secret that a task gets. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SecretReference {
    /// The file that it gets it as.
    pub file: Option<ReferenceFile>,
    /// The secret's id.
    #[serde(rename = "SecretID")]
    pub secret_id: String,
    /// The secret's name, which must be there, too.
    pub secret_name: String,
}

/// A config that a task gets. Part of definition `TaskSpec`.
///
/// One of `file` and `runtime` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigReference {
    /// The file that it gets it as.
    pub file: Option<ReferenceFile>,
    /// It is used to run the task, and is not a file: [`super::CredentialSpec::config`].
    pub runtime: Option<RuntimeTarget>,
    /// The config's id.
    #[serde(rename = "ConfigID")]
    pub config_id: String,
    /// The config's name, which must be there, too.
    pub config_name: String,
}

/// A config that is not mounted as a file; it has no options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimeTarget {}

/// The file that a secret or config becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Each field for itself: what an engine leaves out is empty, not what we would ask for.
#[serde(rename_all = "PascalCase")]
pub struct ReferenceFile {
    /// Its path; of secrets below `/run/secrets`, of configs below `/`, unless it begins with a
    /// slash.
    #[serde(default)]
    pub name: String,
    /// The number of the user that owns it; 0 unless said.
    #[serde(rename = "UID", default)]
    pub uid: String,
    /// The number of the group that owns it; 0 unless said.
    #[serde(rename = "GID", default)]
    pub gid: String,
    /// Its permissions; `0o444` unless said.
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
    /// A file that everybody in the container may read.
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
