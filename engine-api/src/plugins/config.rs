//! The configuration of a plugin, written by its author.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::json::open_enum;

/// The configuration of a plugin, written by its author.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginConfig {
    /// The version of the engine that created it; newer engines leave it empty.
    pub docker_version: String,
    /// A description.
    pub description: String,
    /// The URL of the documentation.
    pub documentation: String,
    /// The interface to the engine.
    pub interface: PluginInterface,
    /// The command that it runs.
    pub entrypoint: Vec<String>,
    /// The working directory of the command.
    pub work_dir: String,
    /// The user that the command runs as.
    pub user: PluginUser,
    /// The network that it requires.
    pub network: PluginNetwork,
    /// Required capabilities and devices.
    pub linux: PluginLinux,
    /// The directory whose mounts are propagated to the host; empty for no directory.
    pub propagated_mount: String,
    /// Whether it shares the host's IPC namespace.
    pub ipc_host: bool,
    /// Whether it uses the host's PID namespace.
    pub pid_host: bool,
    /// Its mounts.
    pub mounts: Vec<PluginMount>,
    /// Its variables.
    pub env: Vec<PluginEnv>,
    /// The arguments of its command.
    pub args: PluginArgs,
    /// Its file system.
    #[serde(rename = "rootfs")]
    pub root_fs: Option<PluginRootFs>,
}

/// The interface between the engine and a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginInterface {
    /// Its capabilities: `docker.volumedriver/1.0`.
    pub types: Vec<String>,
    /// The name of its socket: `plugin.sock`.
    pub socket: String,
    /// The protocol; empty is the engine's own.
    pub protocol_scheme: PluginProtocol,
}

/// The protocol between an engine and a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PluginProtocol {
    /// Plain HTTP, of version 1.
    HttpV1,
    /// A value that this crate does not know; empty is the engine's default.
    Other(String),
}

open_enum!(PluginProtocol {
    HttpV1 = "moby.plugins.http/v1",
});

/// The user that a plugin runs as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "UPPERCASE")]
pub struct PluginUser {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// The network that a plugin requires.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginNetwork {
    /// `host`, `bridge` or `none`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// Capabilities and devices that a plugin requires.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginLinux {
    /// Capabilities: `CAP_SYS_ADMIN`.
    pub capabilities: Vec<String>,
    /// Whether it may use every device.
    pub allow_all_devices: bool,
    /// Devices that it requires.
    pub devices: Vec<PluginDevice>,
}

/// A mount of a plugin. Definition `PluginMount`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginMount {
    /// The name in settings.
    pub name: String,
    /// A description.
    pub description: String,
    /// The parts that can be set: `source`.
    pub settable: Vec<String>,
    /// The source; `None` if the user must set it.
    pub source: Option<String>,
    /// The target path.
    pub destination: String,
    /// The kind of mount: `bind`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Options: `rbind`, `rw`.
    pub options: Vec<String>,
}

/// A device of a plugin. Definition `PluginDevice`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginDevice {
    /// The name in settings.
    pub name: String,
    /// A description.
    pub description: String,
    /// The parts that can be set: `path`.
    pub settable: Vec<String>,
    /// Its path on the host; `None` if the user must set it.
    pub path: Option<String>,
}

/// A variable of a plugin. Definition `PluginEnv`.
///
/// `Debug` does not show its value, which may be a secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginEnv {
    /// Its name.
    pub name: String,
    /// A description.
    pub description: String,
    /// The parts that can be set: `value`.
    pub settable: Vec<String>,
    /// Its value; `None` if it is not set.
    pub value: Option<String>,
}

impl fmt::Debug for PluginEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginEnv")
            .field("name", &self.name)
            .field("description", &self.description)
            .field("settable", &self.settable)
            .field("value", &self.value.as_ref().map(|_| "***"))
            .finish()
    }
}

/// The arguments of a plugin's command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default, rename_all = "PascalCase")]
pub struct PluginArgs {
    /// Their name in settings.
    pub name: String,
    /// A description.
    pub description: String,
    /// The parts that can be set: `value`.
    pub settable: Vec<String>,
    /// The arguments.
    pub value: Vec<String>,
}

/// The file system of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct PluginRootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of its unpacked layers.
    pub diff_ids: Vec<String>,
}
