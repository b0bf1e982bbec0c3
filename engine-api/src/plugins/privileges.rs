//! The privileges that a plugin requires.

use serde::{Deserialize, Serialize};

use super::Plugins;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;
use crate::wire::query::Query;

pub(super) static PRIVILEGES: Operation<Json<Vec<PluginPrivilege>>> =
    Operation::get("GetPluginPrivileges", "/plugins/privileges").slow();

impl Plugins<'_> {
    /// Asks a registry for the privileges that a plugin requires.
    pub async fn privileges(
        &self,
        remote: &str,
        auth: Option<&RegistryAuth>,
    ) -> Result<Vec<PluginPrivilege>> {
        self.docker
            .call(&PRIVILEGES)
            .about(remote)
            .query(Query::new().set("remote", remote))
            .reject_if(check_name(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }
}

/// The error for an empty name.
pub(super) fn check_name(text: &str, what: &str) -> Option<String> {
    text.trim()
        .is_empty()
        .then(|| format!("the plugin's {what} is empty; pass a name such as vieux/sshfs:latest"))
}

/// A privilege that a plugin requires. Definition `PluginPrivilege`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginPrivilege {
    /// Its kind: `network`, `mount`, `device`, `capabilities` …
    pub name: String,
    /// A description.
    pub description: String,
    /// Its values: `host`, a path, capabilities.
    pub value: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn privileges_survive_a_round_trip() {
        let json = br#"[{"Name":"network","Description":"x","Value":["host"]}]"#;
        let privileges: Vec<PluginPrivilege> = decode(json).unwrap();
        assert_eq!(encode(&privileges).unwrap(), json);
    }
}
