//! Inspect a plugin.

use serde::{Deserialize, Serialize};

use super::Plugins;
use super::config::{PluginConfig, PluginDevice, PluginMount};
use crate::common::EnvList;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static INSPECT: Operation<Json<Plugin>> =
    Operation::get("PluginInspect", "/plugins/{name}/json").slashes();

impl Plugins<'_> {
    /// Returns the details of a plugin.
    pub async fn inspect(&self, plugin: &str) -> Result<Plugin> {
        self.docker.call(&INSPECT).at(plugin).send().await
    }
}

/// A plugin that an engine manages. Definition `Plugin`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct Plugin {
    /// The id.
    pub id: String,
    /// The name, with its tag.
    pub name: String,
    /// Whether it is enabled and runs; otherwise it is only installed.
    pub enabled: bool,
    /// Its settings.
    pub settings: PluginSettings,
    /// Its reference for pull and push, with the registry: `docker.io/vieux/sshfs:latest`.
    pub plugin_reference: String,
    /// Its configuration, written by its author.
    pub config: PluginConfig,
}

/// The settings of a plugin. See [`Plugins::set`](super::Plugins::set).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginSettings {
    /// Its mounts.
    pub mounts: Vec<PluginMount>,
    /// Variables, `NAME=value`.
    pub env: EnvList,
    /// Arguments of its command.
    pub args: Vec<String>,
    /// Devices that it can use.
    pub devices: Vec<PluginDevice>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::PluginProtocol;
    use crate::wire::json::decode;

    #[test]
    fn null_lists_and_an_unknown_protocol_are_read() {
        let plugin: Plugin = decode(
            br#"{"Id":"1","Config":{"Mounts":null,"User":{},"Interface":{"Types":null,"Socket":"a","ProtocolScheme":"x/v2"},
            "Env":[{"Name":"A","Settable":null,"Value":null}],"rootfs":{"type":"layers","diff_ids":["sha256:0"]}}}"#,
        )
        .unwrap();
        assert_eq!(
            plugin.config.interface.protocol_scheme,
            PluginProtocol::Other("x/v2".into())
        );
        assert_eq!(plugin.config.env[0].value, None);
        assert_eq!(plugin.config.root_fs.unwrap().diff_ids, ["sha256:0"]);
    }
}
