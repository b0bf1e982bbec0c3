//! The calls on plugins.

use super::{
    DisablePlugin, EnablePlugin, InstallPlugin, ListPlugins, Plugin, PluginPrivilege, Plugins, RemovePlugin,
    UpgradePlugin,
};
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::images::Progress;
use crate::wire::body::Upload;
use crate::wire::decode::{Empty, Json, Lines};
use crate::wire::operation::{Operation, OperationInfo};
use crate::wire::query::Query;
use crate::wire::stream::JsonLines;

static LIST: Operation<Json<Vec<Plugin>>> = Operation::get("PluginList", "/plugins");
static PRIVILEGES: Operation<Json<Vec<PluginPrivilege>>> =
    Operation::get("GetPluginPrivileges", "/plugins/privileges").slow();
static INSTALL: Operation<Lines<Progress>> = Operation::post("PluginPull", "/plugins/pull")
    .success(&[204])
    .slow();
static INSPECT: Operation<Json<Plugin>> = Operation::get("PluginInspect", "/plugins/{name}/json").slashes();
static REMOVE: Operation<Empty> = Operation::delete("PluginDelete", "/plugins/{name}").slashes();
static ENABLE: Operation<Empty> = Operation::post("PluginEnable", "/plugins/{name}/enable")
    .slow()
    .slashes();
static DISABLE: Operation<Empty> = Operation::post("PluginDisable", "/plugins/{name}/disable").slashes();
static UPGRADE: Operation<Lines<Progress>> = Operation::post("PluginUpgrade", "/plugins/{name}/upgrade")
    .success(&[204])
    .slow()
    .slashes();
static CREATE: Operation<Empty> = Operation::post("PluginCreate", "/plugins/create")
    .success(&[204])
    .slow();
static PUSH: Operation<Lines<Progress>> = Operation::post("PluginPush", "/plugins/{name}/push")
    .slow()
    .slashes();
static SET: Operation<Empty> = Operation::post("PluginSet", "/plugins/{name}/set")
    .success(&[204])
    .slashes();

pub(crate) static OPERATIONS: [&OperationInfo; 11] = [
    &LIST.info,
    &PRIVILEGES.info,
    &INSTALL.info,
    &INSPECT.info,
    &REMOVE.info,
    &ENABLE.info,
    &DISABLE.info,
    &UPGRADE.info,
    &CREATE.info,
    &PUSH.info,
    &SET.info,
];

impl Plugins<'_> {
    /// Lists plugins.
    pub async fn list(&self, options: ListPlugins) -> Result<Vec<Plugin>> {
        self.docker.call(&LIST).query(options.query()).send().await
    }

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

    /// Installs a plugin from its registry, disabled.
    ///
    /// It is there when the stream has ended without an error.
    pub async fn install(
        &self,
        remote: &str,
        options: InstallPlugin,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        self.docker
            .call(&INSTALL)
            .about(remote)
            .query(options.query(remote))
            .json(&options.privileges)
            .reject_if(blank(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }

    /// Tells all about a plugin.
    pub async fn inspect(&self, plugin: &str) -> Result<Plugin> {
        self.docker.call(&INSPECT).at(plugin).send().await
    }

    /// Removes a plugin.
    ///
    /// # Errors
    ///
    /// 409 while it is enabled, or in use.
    pub async fn remove(&self, plugin: &str, options: RemovePlugin) -> Result<()> {
        self.docker
            .call(&REMOVE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }

    /// Starts a plugin.
    ///
    /// # Errors
    ///
    /// 409 when it runs already; 500 with the reason when it cannot be started.
    pub async fn enable(&self, plugin: &str, options: EnablePlugin) -> Result<()> {
        self.docker
            .call(&ENABLE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }

    /// Stops a plugin.
    ///
    /// # Errors
    ///
    /// 409 when it does not run, or is in use.
    pub async fn disable(&self, plugin: &str, options: DisablePlugin) -> Result<()> {
        self.docker
            .call(&DISABLE)
            .at(plugin)
            .query(options.query())
            .send()
            .await
    }

    /// Replaces a plugin that is disabled by what `remote` names, its settings kept.
    ///
    /// It is done when the stream has ended without an error.
    pub async fn upgrade(
        &self,
        plugin: &str,
        remote: &str,
        options: UpgradePlugin,
        auth: Option<&RegistryAuth>,
    ) -> Result<JsonLines<Progress>> {
        self.docker
            .call(&UPGRADE)
            .at(plugin)
            .query(Query::new().set("remote", remote))
            .json(&options.privileges)
            .reject_if(blank(remote, "remote"))
            .auth(auth)
            .send()
            .await
    }

    /// Makes a plugin from a tar archive of its `config.json` and its file system below `rootfs/`.
    pub async fn create(&self, name: &str, archive: impl Into<Upload>) -> Result<()> {
        self.docker
            .call(&CREATE)
            .about(name)
            .query(Query::new().set("name", name))
            .tar(archive.into().0)
            .reject_if(blank(name, "name"))
            .send()
            .await
    }

    /// Pushes a plugin to the registry that its name says.
    pub async fn push(&self, plugin: &str, auth: Option<&RegistryAuth>) -> Result<JsonLines<Progress>> {
        self.docker.call(&PUSH).at(plugin).auth(auth).send().await
    }

    /// Changes settings of a plugin that is disabled: `DEBUG=1` for a variable, `data.source=/srv` for
    /// a part of a mount. What can be changed is in [`super::PluginConfig`], as `settable`.
    pub async fn set(&self, plugin: &str, settings: &[&str]) -> Result<()> {
        let nothing = settings
            .is_empty()
            .then(|| "no setting to change; name one or more, as `NAME=value`".to_owned());
        self.docker
            .call(&SET)
            .at(plugin)
            .json(settings)
            .reject_if(nothing)
            .send()
            .await
    }
}

/// What is wrong with a name that is empty.
fn blank(text: &str, what: &str) -> Option<String> {
    text.trim()
        .is_empty()
        .then(|| format!("the plugin's {what} is empty; pass a name such as vieux/sshfs:latest"))
}
