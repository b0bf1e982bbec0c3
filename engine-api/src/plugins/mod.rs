//! Plugins that an engine manages, such as drivers for volumes, networks and logs.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::plugins::{EnablePlugin, InstallPlugin};
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let plugins = docker.plugins();
//! let remote = "vieux/sshfs:latest";
//! let privileges = plugins.privileges(remote, None).await?;
//! println!("{remote} wants {privileges:#?}"); // ask before granting
//! let install = InstallPlugin { privileges, ..Default::default() };
//! plugins.install(remote, install, None).await?.last().await?;
//! plugins.enable(remote, EnablePlugin { timeout: 30 }).await?;
//! # Ok(())
//! # }
//! ```

mod config;
mod create;
mod enable;
mod inspect;
mod install;
mod list;
mod privileges;
mod push;
mod remove;
mod set;
mod upgrade;

pub use config::{
    PluginArgs, PluginConfig, PluginDevice, PluginEnv, PluginInterface, PluginLinux, PluginMount,
    PluginNetwork, PluginProtocol, PluginRootFs, PluginUser,
};
pub use enable::{DisablePlugin, EnablePlugin};
pub use inspect::{Plugin, PluginSettings};
pub use install::InstallPlugin;
pub use list::ListPlugins;
pub use privileges::PluginPrivilege;
pub use remove::RemovePlugin;
pub use upgrade::UpgradePlugin;

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on plugins; see [`Docker::plugins`].
///
/// Every `plugin` is a name with tag, an ID, or a unique prefix of an ID; the default tag is
/// `latest`. Podman has no such calls.
#[derive(Debug, Clone, Copy)]
pub struct Plugins<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The plugins that this engine manages.
    pub fn plugins(&self) -> Plugins<'_> {
        Plugins { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &list::LIST.info,
    &privileges::PRIVILEGES.info,
    &install::INSTALL.info,
    &inspect::INSPECT.info,
    &remove::REMOVE.info,
    &enable::ENABLE.info,
    &enable::DISABLE.info,
    &upgrade::UPGRADE.info,
    &create::CREATE.info,
    &push::PUSH.info,
    &set::SET.info,
];
