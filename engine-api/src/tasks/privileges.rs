//! Security options of a task's container.

use serde::{Deserialize, Serialize};

use crate::swarm::Payload;
use crate::version::Version;
use crate::wire::json::open_enum;
use crate::wire::requirement::Requirement;

/// Security options of a task's container. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Privileges {
    /// The managed service account of the container (Windows).
    pub credential_spec: Option<CredentialSpec>,
    /// Its SELinux labels.
    #[serde(rename = "SELinuxContext")]
    pub selinux_context: Option<SelinuxContext>,
    /// Its seccomp profile. Since API 1.44.
    pub seccomp: Option<SeccompOptions>,
    /// Its AppArmor mode. Since API 1.44.
    pub app_armor: Option<AppArmorOptions>,
    /// Whether its processes can never gain privileges. Since API 1.44.
    pub no_new_privileges: bool,
}

impl Privileges {
    pub(super) fn requires(&self) -> impl Iterator<Item = Requirement> {
        let first = Version::new(1, 44);
        [
            Requirement::since(self.seccomp.is_some(), "Privileges::seccomp", first),
            Requirement::since(self.app_armor.is_some(), "Privileges::app_armor", first),
            Requirement::since(self.no_new_privileges, "Privileges::no_new_privileges", first),
        ]
        .into_iter()
        .flatten()
    }
}

/// The source of a credential spec for a managed service account (Windows): one of the three. Part
/// of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CredentialSpec {
    /// The ID of a config of the swarm; the container must also refer to it as a runtime config.
    pub config: String,
    /// A file below the engine's directory `CredentialSpecs`.
    pub file: String,
    /// A value in the Windows registry of the node.
    pub registry: String,
}

/// SELinux labels. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SelinuxContext {
    /// Whether SELinux is disabled for the container.
    pub disable: bool,
    /// The user label.
    pub user: String,
    /// The role label.
    pub role: String,
    /// The type label.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The level label.
    pub level: String,
}

/// The seccomp settings of a container. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SeccompOptions {
    /// The mode.
    pub mode: SeccompMode,
    /// The profile of [`SeccompMode::Custom`] in JSON, which is sent as base64.
    pub profile: Payload,
}

/// The rules for system calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SeccompMode {
    /// The profile of the engine.
    Default,
    /// All are.
    Unconfined,
    /// A custom profile.
    Custom,
    /// A value that this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(SeccompMode {
    Default = "default",
    Unconfined = "unconfined",
    Custom = "custom",
});

/// The AppArmor settings of a container. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AppArmorOptions {
    /// The mode.
    pub mode: AppArmorMode,
}

/// The AppArmor mode of a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AppArmorMode {
    /// The profile of the engine.
    Default,
    /// AppArmor is disabled.
    Disabled,
    /// A value that this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(AppArmorMode {
    Default = "default",
    Disabled = "disabled",
});
