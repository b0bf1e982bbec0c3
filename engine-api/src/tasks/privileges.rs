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
    /// The managed account that it runs under (Windows).
    pub credential_spec: Option<CredentialSpec>,
    /// Its SELinux labels.
    #[serde(rename = "SELinuxContext")]
    pub selinux_context: Option<SelinuxContext>,
    /// Which system calls it may make. Since API 1.44.
    pub seccomp: Option<SeccompOptions>,
    /// How AppArmor confines it. Since API 1.44.
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

/// Where a managed account is described (Windows): one of the three. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CredentialSpec {
    /// In a config of the swarm, by id; the container must refer to it as a runtime config, too.
    pub config: String,
    /// In a file below the engine's directory `CredentialSpecs`.
    pub file: String,
    /// In a value of the node's registry.
    pub registry: String,
}

/// SELinux labels. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SelinuxContext {
    /// Whether SELinux leaves the container alone.
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

/// Which system calls a container may make. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SeccompOptions {
    /// By which rules.
    pub mode: SeccompMode,
    /// The rules of [`SeccompMode::Custom`]: a profile in JSON, which goes in base64.
    pub profile: Payload,
}

/// By which rules system calls are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SeccompMode {
    /// By the engine's.
    Default,
    /// All are.
    Unconfined,
    /// By a profile of its own.
    Custom,
    /// A word this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(SeccompMode {
    Default = "default",
    Unconfined = "unconfined",
    Custom = "custom",
});

/// How AppArmor confines a container. Part of definition `TaskSpec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AppArmorOptions {
    /// Whether it does.
    pub mode: AppArmorMode,
}

/// Whether AppArmor confines a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AppArmorMode {
    /// By the engine's profile.
    Default,
    /// It does not.
    Disabled,
    /// A word this crate does not know; empty for the engine's default.
    Other(String),
}

open_enum!(AppArmorMode {
    Default = "default",
    Disabled = "disabled",
});
