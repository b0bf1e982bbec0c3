//! Push a plugin to a registry.

use super::Plugins;
use crate::auth::RegistryAuth;
use crate::error::Result;
use crate::images::Progress;
use crate::wire::decode::Lines;
use crate::wire::operation::Operation;
use crate::wire::stream::JsonLines;

pub(super) static PUSH: Operation<Lines<Progress>> = Operation::post("PluginPush", "/plugins/{name}/push")
    .slow()
    .slashes();

impl Plugins<'_> {
    /// Pushes a plugin to the registry in its name.
    pub async fn push(&self, plugin: &str, auth: Option<&RegistryAuth>) -> Result<JsonLines<Progress>> {
        self.docker.call(&PUSH).at(plugin).auth(auth).send().await
    }
}
