//! What a plugin wants to be granted.

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
    /// Asks a registry what a plugin wants to be granted.
    pub async fn privileges(
        &self,
        remote: &str,
        auth: Option<&RegistryAuth>,
    ) -> Result<Vec<PluginPrivilege>> {
        self.docker
            .call(&PRIVILEGES)
            .about(remote)
            .query(Query::new().set("remote", remote))
            .reject_if(blank(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }
}

/// What is wrong with a name that is empty.
pub(super) fn blank(text: &str, what: &str) -> Option<String> {
    text.trim()
        .is_empty()
        .then(|| format!("the plugin's {what} is empty; pass a name such as vieux/sshfs:latest"))
}

/// Something that a plugin wants to be granted. Definition `PluginPrivilege`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginPrivilege {
    /// What it is: `network`, `mount`, `device`, `capabilities` …
    pub name: String,
    /// What it means, for people.
    pub description: String,
    /// How much of it: `host`, a path, capabilities.
    pub value: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{decode, encode};

    #[test]
    fn what_is_said_of_privileges_is_granted_word_for_word() {
        let json = br#"[{"Name":"network","Description":"x","Value":["host"]}]"#;
        let privileges: Vec<PluginPrivilege> = decode(json).unwrap();
        assert_eq!(encode(&privileges).unwrap(), json);
    }
}
