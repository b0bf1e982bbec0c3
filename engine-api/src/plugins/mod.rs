//! Plugins that an engine manages: drivers for volumes, networks and logs, and the like.
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

mod calls;
mod config;
mod options;

pub use config::{
    Plugin, PluginArgs, PluginConfig, PluginDevice, PluginEnv, PluginInterface, PluginLinux, PluginMount,
    PluginNetwork, PluginPrivilege, PluginProtocol, PluginRootFs, PluginSettings, PluginUser,
};
pub use options::{DisablePlugin, EnablePlugin, InstallPlugin, ListPlugins, RemovePlugin, UpgradePlugin};

pub(crate) use calls::OPERATIONS;

use crate::client::Docker;

/// Calls on plugins; see [`Docker::plugins`].
///
/// Every `plugin` may be a name with tag, an id, or the start of an id that is unique; without a tag it
/// is `latest`. Podman has no such calls.
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
